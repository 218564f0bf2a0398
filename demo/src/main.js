import { getBackend } from '@tensorflow/tfjs';
import './style.css';
import { sizeOf } from './about.js';
import { readAddress, writeAddress } from './address.js';
import { possibleBackends } from './backends.js';
import { ENGINES } from './engines.js';
import { listen, say, showControls, showGallery } from './controls.js';
import { inputsOf, latentsOf, SEEDS } from './latents.js';
import { markOf } from './marks.js';
import { fetchModel, getJson } from './network.js';
import { copyLink, savePicture, saveVideo, startVideo, videoType } from './share.js';
import { startNetwork } from './start.js';
import { canWalk, makeViews } from './views.js';

const element = Object.fromEntries([...document.querySelectorAll('[id]')].map((one) => [one.id, one]));
const state = {
  model: '',
  backend: '', // chosen by hand; empty: the first that works
  view: 'grid',
  seed: 0,
  other: 1,
  label: null, // null: seeds take turns
  scaling: 'smooth',
  position: 0.5,
  strengths: [], // along each direction, see `latents.move`
  walked: 0,
  speed: 0.5, // seeds per second
  playing: false,
};
const page = { models: [], path: '', artifacts: null, network: null, views: null, backends: [], running: '' };
// A walk that nobody asked for does not begin where each picture takes longer.
const SLOW_MILLISECONDS = 150;
let [busy, wanted] = [Promise.resolve(), false];
let times = [];
let video = null;

// Drawing

const median = () => [...times].sort((a, b) => a - b)[times.length >> 1];

async function draw(latents, labels) {
  const begin = performance.now();
  const numbers = await page.network.draw(latents, labels);
  times = [...times.slice(-8), performance.now() - begin];
  element.time.textContent = `${median().toFixed(median() < 10 ? 1 : 0)} ms per picture`;
  return numbers;
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const moving = () => canWalk(state) && state.playing;

/** Draws what is asked for, and goes on while a walk plays. */
function redraw() {
  if (!page.network) return;
  if (wanted) return;
  wanted = true;
  busy = busy.then(async () => {
    try {
      while (page.network && (wanted || moving())) {
        wanted = false;
        await page.views.show(state, () => wanted || !page.network);
        video?.addFrame(element.canvas);
        await nextFrame();
      }
    } catch (error) {
      await recover(error);
    }
  });
}

/** A backend that fails in the middle, such as a lost graphics card: the next one goes on. */
async function recover(error) {
  console.error(error);
  page.backends = page.backends.filter((name) => name !== page.running);
  state.backend = '';
  await start().catch(fail);
}

// Loading

/** Makes the network draw with the backend that was chosen, or the first that can. */
async function start() {
  wanted = false;
  video?.stop();
  page.network?.dispose();
  page.network = null;
  const engines = page.artifacts.userDefinedMetadata.engines ?? [];
  const chosen = [...page.backends, ...engines].includes(state.backend) ? [state.backend] : [];
  const { network, backend } = await startNetwork(new Set([...chosen, ...page.backends]), page.artifacts);
  const known = page.artifacts.userDefinedMetadata;
  const [width, height] = sizeOf(known);
  document.body.style.setProperty('--ratio', width / height);
  const views = makeViews(element, draw, known);
  Object.assign(page, { network, running: backend, views });
  times = [];
  show();
  redraw();
}

async function load() {
  element.error.hidden = true;
  element.loading.hidden = false;
  element.progress.value = 0;
  setUsable(false);
  const { path, name } = page.models.find((one) => one.name === state.model) ?? page.models[0];
  Object.assign(page, { path });
  state.model = name;
  element['loading-text'].textContent = `Loading ${name}`;
  page.network?.dispose();
  page.network = null;
  page.artifacts = await fetchModel(`${path}/`, (part) => (element.progress.value = part));
  const { label_size } = page.artifacts.userDefinedMetadata;
  if (state.label >= label_size) state.label = null;
  await start();
  element.loading.hidden = true;
  setUsable(true);
  document.body.dataset.ready = name;
}

/** Waits until nothing is drawn any more, then does a thing that draws. */
function afterDrawing(action) {
  const { network } = page;
  page.network = null; // ends the loop
  busy = busy.then(() => {
    page.network = network;
    return action().catch(fail);
  });
  return busy;
}

/** Controls of a generator that is not there take no input. */
const setUsable = (usable) => {
  for (const part of [element.views, element.controls, element.footer]) part.inert = !usable;
};

function fail(error) {
  page.network = null;
  setUsable(false);
  element.loading.hidden = true;
  element.error.hidden = false;
  element.error.textContent = error.message;
}

// Controls

function show() {
  showControls(element, state, page);
  writeAddress(state);
}

/** Changes what is shown. */
function set(changes) {
  if ('seed' in changes) state.walked = 0;
  Object.assign(state, changes);
  if (!canWalk(state)) video?.stop();
  if (!page.network) return;
  show();
  redraw();
}

function setView(view) {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  set({ view, playing: !still && canWalk({ view }) });
}

/** Records what walks, until it is asked for again. */
function record() {
  if (!videoType() || !canWalk(state)) return;
  if (video) {
    video.stop();
    return;
  }
  const showSeconds = (seconds) => (element.record.textContent = `Stop · ${seconds} s`);
  const known = page.artifacts.userDefinedMetadata;
  const size = sizeOf(known);
  const recorded = { ...state };
  video = startVideo(size, state.scaling, showSeconds, (blob) => {
    video = null;
    element.record.textContent = 'Record video';
    element.record.setAttribute('aria-pressed', false);
    say(element, `Saved ${saveVideo(blob, recorded, markOf(known, recorded))}`);
  });
  showSeconds(0);
  element.record.setAttribute('aria-pressed', true);
  say(element, 'Recording: press Stop to save the video');
  set({ playing: true });
}

const anySeed = () => Math.floor(Math.random() * 1e6);
const choose = (name) => {
  if (name === state.model && element.error.hidden) return null;
  state.model = name;
  return afterDrawing(load);
};
const ready = (action) => (...given) => page.network && action(...given);
const actions = {
  set,
  setView: ready(setView),
  step: ready((count) => set({ seed: (state.seed + count + SEEDS) % SEEDS })),
  move: ready((by) => set({ position: Math.min(1, Math.max(0, state.position + by)) })),
  newSample: ready(() => set({ seed: anySeed(), ...(state.view === 'between' && { other: anySeed() }) })),
  play: ready(() => set({ playing: !state.playing })),
  download: ready(() => {
    const said = markOf(page.artifacts.userDefinedMetadata, state);
    say(element, `Saved ${savePicture(page.views.whole(state), state, said)}`);
  }),
  record: ready(record),
  async copy() {
    const copied = await copyLink();
    say(element, copied ? 'Link copied' : 'The browser lets no page copy: take the link from its address bar');
  },
  compute(backend) {
    state.backend = backend;
    afterDrawing(start);
  },
};

function onAddress() {
  const { model, backend, view } = state;
  readAddress(state);
  if (!page.models.length) return;
  if (state.view !== view) setView(state.view);
  if (state.model !== model || !element.error.hidden) afterDrawing(load);
  else if (state.backend !== backend) afterDrawing(start);
  else set({ walked: 0 });
}

/** For the console and for tests: `await pgan.draw(pgan.latents(3))`. */
window.pgan = {
  backend: () => (page.running in ENGINES ? page.running : getBackend()),
  latents: (seed) => latentsOf(seed, page.artifacts.userDefinedMetadata.latent_size),
  draw: (latents, labels = []) => page.network.draw(Float32Array.from(latents), Float32Array.from(labels)),
};

async function main() {
  readAddress(state);
  listen(element, state, actions);
  addEventListener('hashchange', onAddress);
  page.models = await getJson('models.json');
  if (!page.models.length) throw new Error('models.json lists no generator: export one into this folder.');
  showGallery(element, page.models, choose);
  // Where there is room for it.
  element.keys.open = page.models.length < 2 && matchMedia('(min-width: 56rem)').matches;
  page.backends = await possibleBackends();
  await load();
  const { latents, labels } = inputsOf(state.seed, page.artifacts.userDefinedMetadata, state.label);
  await draw(latents, labels);
  if (median() < SLOW_MILLISECONDS || state.view === 'walk') setView(state.view);
}

busy = main().catch(fail);
