// What the page shows is in its address, after the #: links and going back work.

import { isSeed } from './latents.js';

export const VIEWS = ['picture', 'grid', 'walk', 'between'];
export const SCALINGS = ['smooth', 'pixelated'];

/** Reads the address; what it lacks or spells wrongly keeps its value. */
export function readAddress(state) {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of ['seed', 'other']) {
    if (isSeed(given.get(name) ?? '')) state[name] = Number(given.get(name));
  }
  if (VIEWS.includes(given.get('view'))) state.view = given.get('view');
  for (const name of ['model', 'backend']) state[name] = given.get(name) ?? state[name];
  state.scaling = given.get('scaling') === 'pixelated' ? 'pixelated' : 'smooth';
  const label = given.get('class');
  state.label = /^\d+$/.test(label ?? '') ? Number(label) : null;
}

export function writeAddress({ model, view, seed, other, label, scaling, backend }) {
  const words = new URLSearchParams({ model, view, seed });
  if (view === 'between') words.set('other', other);
  if (label !== null) words.set('class', label);
  if (scaling === 'pixelated') words.set('scaling', scaling);
  if (backend) words.set('backend', backend);
  history.replaceState(null, '', `#${words}`);
}
