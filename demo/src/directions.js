// The directions of a generator: a slider for each, and a pad to wander along the first two.

import { bounded, STRONGEST } from './address.js';

const STEP = 0.05;
const KEY_STEP = 0.25;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const rounded = (strength) => Number(bounded(strength).toFixed(2));

/** Returns strengths of which some, by number, are others. */
export const changed = (strengths, changes) =>
  Array.from({ length: Math.max(strengths.length, ...Object.keys(changes).map((i) => Number(i) + 1)) }, (_, i) =>
    rounded(changes[i] ?? strengths[i] ?? 0),
  );

/** Returns the strengths, across and up, of a place on the pad: parts of its width and height from its top left. */
export const strengthsAt = (x, y) => [rounded((2 * x - 1) * STRONGEST), rounded((1 - 2 * y) * STRONGEST)];

function makeSlider(i) {
  const label = document.createElement('label');
  const input = document.createElement('input');
  Object.assign(input, { type: 'range', min: -STRONGEST, max: STRONGEST, step: STEP });
  input.setAttribute('aria-label', `Direction ${i}`);
  label.append(String(i), input);
  return label;
}

/** Shows how far a state goes along each of some directions; there may be none. */
export function showDirections({ directions, pad, sliders, reset }, { view, strengths }, count) {
  directions.hidden = view !== 'picture' || !count;
  if (sliders.children.length !== count) sliders.replaceChildren(...Array.from({ length: count }, (_, i) => makeSlider(i)));
  [...sliders.children].forEach((label, i) => (label.lastChild.value = strengths[i] ?? 0));
  const [x, y] = [0, 1].map((i) => (strengths[i] ?? 0) / STRONGEST);
  pad.firstChild.style.left = `${50 * (1 + x)}%`;
  pad.firstChild.style.top = `${50 * (1 - y)}%`;
  reset.disabled = !strengths.some(Boolean);
}

/** Listens to the sliders and the pad. */
export function listenToDirections({ pad, sliders, reset }, state, set) {
  const wander = ([x, y]) => set({ strengths: changed(state.strengths, { 0: x, 1: y }) });
  sliders.addEventListener('input', ({ target }) => {
    const i = [...sliders.children].indexOf(target.parentElement);
    set({ strengths: changed(state.strengths, { [i]: Number(target.value) }) });
  });
  reset.addEventListener('click', () => {
    set({ strengths: [] });
    pad.focus(); // the button takes no more input
  });
  const follow = (event) => {
    const { left, top, width, height } = pad.getBoundingClientRect();
    wander(strengthsAt((event.clientX - left) / width, (event.clientY - top) / height));
  };
  pad.addEventListener('pointerdown', (event) => {
    pad.setPointerCapture(event.pointerId);
    follow(event);
  });
  pad.addEventListener('pointermove', (event) => pad.hasPointerCapture(event.pointerId) && follow(event));
  pad.addEventListener('keydown', (event) => {
    const way = KEYS[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation(); // no other seed
    wander(way.map((by, i) => (state.strengths[i] ?? 0) + by * KEY_STEP));
  });
}
