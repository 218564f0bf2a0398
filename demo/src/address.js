// What the page shows is in its address, after the #: links and going back work.

import { isSeed } from './latents.js';

export const VIEWS = ['picture', 'grid', 'walk', 'between'];
export const SCALINGS = ['smooth', 'pixelated'];

export const STRONGEST = 3; // how far a slider goes along its direction, to both sides

export const bounded = (strength) => Math.min(STRONGEST, Math.max(-STRONGEST, Number(strength)));

/** Reads the address; what it lacks or spells wrongly keeps its value. */
export function readAddress(state) {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of ['seed', 'other']) {
    if (isSeed(given.get(name) ?? '')) state[name] = Number(given.get(name));
  }
  if (VIEWS.includes(given.get('view'))) state.view = given.get('view');
  for (const name of ['model', 'backend']) state[name] = given.get(name) ?? state[name];
  state.scaling = given.get('scaling') === 'pixelated' ? 'pixelated' : 'smooth';
  const position = given.get('position') ?? '';
  if (/^[01](\.\d+)?$/.test(position)) state.position = Math.min(1, Number(position));
  const moved = given.get('move') ?? '';
  state.strengths = /^-?\d+(\.\d+)?(_-?\d+(\.\d+)?)*$/.test(moved) ? moved.split('_').map(bounded) : [];
  const label = given.get('class');
  state.label = /^\d+$/.test(label ?? '') ? Number(label) : null;
}

export function writeAddress({ model, view, seed, other, position, strengths, label, scaling, backend }) {
  const words = new URLSearchParams({ model, view, seed });
  if (view === 'between') {
    words.set('other', other);
    words.set('position', position);
  }
  const moved = strengths.slice(0, strengths.findLastIndex(Boolean) + 1);
  if (view === 'picture' && moved.length) words.set('move', moved.join('_'));
  if (label !== null) words.set('class', label);
  if (scaling === 'pixelated') words.set('scaling', scaling);
  if (backend) words.set('backend', backend);
  history.replaceState(null, '', `#${words}`);
}
