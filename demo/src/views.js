// The four views: one picture, a grid, a walk, the way between two seeds.

import { paint } from './generator.js';
import { latentsOf, mix, SEEDS, slerp, spline } from './latents.js';

const GRID = 16;
// After a long pause, such as another tab, a walk goes on where it was.
const LONGEST_STEP_SECONDS = 0.1;

/** Returns `{latents, labels}` of a seed; without a class of their own, seeds take turns. */
export function inputsOf(seed, { latent_size, label_size }, label) {
  seed = ((seed % SEEDS) + SEEDS) % SEEDS;
  const labels = new Float32Array(label_size);
  if (label_size) labels[label ?? seed % label_size] = 1;
  return { latents: latentsOf(seed, latent_size), labels };
}

/**
 * Makes the function that draws what a state asks for.
 * @param elements of the page: `canvas`, `grid`
 * @param draw from latents and labels to a picture's numbers
 * @param metadata of the model
 */
export function makeViews({ canvas, grid }, draw, metadata) {
  const { resolution, num_channels, label_size } = metadata;
  const inputs = (state, seed) => inputsOf(seed, metadata, state.label);
  let last = null;

  async function show(target, { latents, labels }) {
    paint(target, await draw(latents, labels), resolution, num_channels);
  }

  const views = {
    picture: (state) => show(canvas, inputs(state, state.seed)),

    async grid(state, isStale) {
      for (let i = 0; i < GRID && !isStale(); i++) {
        const button = grid.children[i];
        const seed = (state.seed + i) % SEEDS;
        button.dataset.seed = seed;
        button.setAttribute('aria-label', `Take seed ${seed}`);
        await show(button.firstChild, inputs(state, seed));
      }
    },

    between(state) {
      const [a, b] = [inputs(state, state.seed), inputs(state, state.other)];
      const t = state.position;
      return show(canvas, {
        latents: slerp(a.latents, b.latents, t),
        labels: mix([a.labels, b.labels], [1 - t, t]),
      });
    },

    walk(state) {
      const now = performance.now();
      if (state.playing && last !== null) {
        state.walked += Math.min((now - last) / 1000, LONGEST_STEP_SECONDS) * state.speed;
      }
      last = state.playing ? now : null;
      const begin = Math.floor(state.walked);
      const t = state.walked - begin;
      const four = [-1, 0, 1, 2].map((i) => inputs(state, state.seed + begin + i));
      // Classes change in the middle of the way, evenly.
      const part = Math.min(1, Math.max(0, 2 * t - 0.5));
      return show(canvas, {
        latents: spline(four.map((one) => one.latents), t),
        labels: label_size ? mix([four[1].labels, four[2].labels], [1 - part, part]) : four[1].labels,
      });
    },
  };

  grid.replaceChildren(
    ...Array.from({ length: GRID }, () => {
      const button = document.createElement('button');
      button.type = 'button';
      const picture = document.createElement('canvas');
      picture.width = picture.height = resolution;
      button.append(picture);
      return button;
    }),
  );
  return (state, isStale) => views[state.view](state, isStale);
}

/** Returns one canvas with all that a view shows, at the generator's own resolution. */
export function wholeView({ canvas, grid }, view) {
  if (view !== 'grid') return canvas;
  const parts = [...grid.querySelectorAll('canvas')];
  const columns = Math.sqrt(parts.length);
  const size = parts[0].width;
  const whole = document.createElement('canvas');
  whole.width = whole.height = columns * size;
  const context = whole.getContext('2d');
  parts.forEach((part, i) => context.drawImage(part, (i % columns) * size, Math.floor(i / columns) * size));
  return whole;
}
