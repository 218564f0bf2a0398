// The page's buttons, fields and keys: they show the state, and say what is asked for.

import { classNames, showAbout } from './about.js';
import { VIEWS } from './address.js';
import { NAMES } from './backends.js';
import { listenToDirections, showDirections } from './directions.js';
import { ENGINES } from './engines.js';
import { isSeed } from './latents.js';
import { videoType } from './share.js';
import { canWalk } from './views.js';

const option = (value, text) => Object.assign(document.createElement('option'), { value, textContent: text });

/** Shows a state; `page` has what was loaded. */
export function showControls(element, state, page) {
  const known = page.artifacts.userDefinedMetadata;
  showAbout(element, page.path, known);
  element.stage.dataset.view = state.view;
  element.stage.dataset.scaling = state.scaling;
  element.stage.toggleAttribute('data-transparent', known.num_channels === 4);
  element.grid.hidden = state.view !== 'grid';
  for (const button of element.views.children) {
    button.setAttribute('aria-pressed', button.dataset.view === state.view);
  }
  for (const part of element.controls.querySelectorAll('[data-for]')) {
    part.hidden = !part.dataset.for.split(' ').includes(state.view);
  }
  for (const button of element.gallery.children) {
    button.setAttribute('aria-pressed', button.dataset.name === state.model);
  }
  for (const name of ['seed', 'other']) {
    if (Number(element[name].value || NaN) !== state[name]) element[name].value = state[name];
  }
  element.position.value = state.position;
  showDirections(element, state, known.directions?.length ?? 0);
  element.speed.value = Math.log2(state.speed);
  element.play.textContent = state.playing ? 'Pause' : 'Play';
  element.play.setAttribute('aria-pressed', state.playing);
  element['class-row'].hidden = !known.label_size;
  element.class.replaceChildren(option('', 'by seed'), ...classNames(known).map((name, i) => option(i, name)));
  element.class.value = state.label ?? '';
  element.scaling.value = state.scaling;
  element.record.hidden ||= !videoType();
  const engines = (known.engines ?? []).filter((name) => name in ENGINES);
  element.backend.replaceChildren(
    ...page.backends.map((name) => option(name, NAMES[name])),
    ...engines.map((name) => option(name, ENGINES[name])),
  );
  element.backend.value = page.running;
}

/** Fills the gallery; a page with one generator has none. */
export function showGallery(element, models, choose) {
  element.gallery.hidden = models.length < 2;
  for (const { name, path } of models) {
    const button = Object.assign(document.createElement('button'), { type: 'button' });
    button.dataset.name = name;
    const picture = Object.assign(new Image(56, 56), { src: `${path}/preview.png`, alt: '', loading: 'lazy' });
    button.append(picture, name);
    button.addEventListener('click', () => choose(name));
    element.gallery.append(button);
  }
}

/** Tells a visitor what was done. */
export function say(element, text) {
  element.said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (element.said.textContent = ''), 4000);
}

function onKey(event, state, actions) {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches('input, select') || (key === ' ' && target.matches('button, summary'))) return;
  const along = state.view === 'between' ? (by) => actions.move(by * 0.02) : actions.step;
  const keys = {
    ' ': canWalk(state) ? actions.play : actions.newSample,
    ArrowLeft: () => along(-1),
    ArrowRight: () => along(1),
    n: actions.newSample,
    d: actions.download,
    c: actions.copy,
    v: actions.record,
    ...Object.fromEntries(VIEWS.map((view, i) => [i + 1, () => actions.setView(view)])),
  };
  const action = keys[key.length === 1 ? key.toLowerCase() : key];
  if (!action) return;
  event.preventDefault();
  action();
}

/** Between two pictures, dragging the one that is shown goes towards either. */
function listenToDrag(canvas, state, set) {
  let start = null;
  canvas.addEventListener('pointerdown', (event) => {
    if (state.view !== 'between') return;
    canvas.setPointerCapture(event.pointerId);
    start = state.position - event.clientX / canvas.clientWidth;
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const position = start + event.clientX / canvas.clientWidth;
    set({ position: Math.round(200 * Math.min(1, Math.max(0, position))) / 200 });
  });
}

/**
 * Listens to the controls.
 * @param actions `set`, which takes changes of the state, and what each button does
 */
export function listen(element, state, actions) {
  const { set } = actions;
  element.controls.addEventListener('submit', (event) => event.preventDefault());
  for (const name of ['seed', 'other']) {
    element[name].addEventListener('input', ({ target }) => {
      target.setCustomValidity(isSeed(target.value) ? '' : 'A whole number from 0 to 2147483647');
      if (isSeed(target.value)) set({ [name]: Number(target.value) });
    });
  }
  element.new.addEventListener('click', actions.newSample);
  element.play.addEventListener('click', actions.play);
  element.download.addEventListener('click', actions.download);
  element.copy.addEventListener('click', actions.copy);
  element.record.addEventListener('click', actions.record);
  element.position.addEventListener('input', ({ target }) => set({ position: Number(target.value) }));
  element.first.addEventListener('click', () => set({ position: 0 }));
  element.last.addEventListener('click', () => set({ position: 1 }));
  listenToDrag(element.canvas, state, set);
  listenToDirections(element, state, set);
  element.speed.addEventListener('input', ({ target }) => set({ speed: 2 ** target.value }));
  element.scaling.addEventListener('change', ({ target }) => set({ scaling: target.value }));
  element.class.addEventListener('change', ({ target }) =>
    set({ label: target.value === '' ? null : Number(target.value) }),
  );
  element.views.addEventListener('click', ({ target }) => target.dataset.view && actions.setView(target.dataset.view));
  element.grid.addEventListener('click', ({ target }) => {
    const button = target.closest('button');
    if (button) set({ seed: Number(button.dataset.seed), view: 'picture', strengths: [] });
  });
  element.backend.addEventListener('change', ({ target }) => actions.compute(target.value));
  document.addEventListener('keydown', (event) => onKey(event, state, actions));
}
