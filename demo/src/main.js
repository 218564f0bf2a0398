import { getBackend } from '@tensorflow/tfjs';
import './style.css';
import { classNames, showAbout } from './about.js';
import { isSeed, readAddress, VIEWS, writeAddress } from './address.js';
import { NAMES, possibleBackends, useBackend } from './backends.js';
import { fetchModel, getJson, makeGenerator } from './generator.js';
import { latentsOf, SEEDS } from './latents.js';
import { inputsOf, makeViews, wholeView } from './views.js';

const element = Object.fromEntries([...document.querySelectorAll('[id]')].map((one) => [one.id, one]));
const state = {
  model: '',
  backend: '', // chosen by hand; empty: the first that works
  view: 'picture',
  seed: 0,
  other: 1,
  label: null, // null: seeds take turns
  position: 0.5,
  walked: 0,
  speed: 0.5, // seeds per second
  playing: false,
};
const page = { models: [], path: '', artifacts: null, generator: null, drawView: null, backends: [], running: '' };
let [busy, wanted] = [Promise.resolve(), false];
let times = [];

// Drawing

async function draw(latents, labels) {
  const begin = performance.now();
  const numbers = await page.generator.draw(latents, labels);
  times = [...times.slice(-8), performance.now() - begin];
  const median = [...times].sort((a, b) => a - b)[times.length >> 1];
  element.time.textContent = `${median.toFixed(median < 10 ? 1 : 0)} ms per picture`;
  return numbers;
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const moving = () => state.view === 'walk' && state.playing;

/** Draws what is asked for, and goes on while a walk plays. */
function redraw() {
  if (!page.generator) return;
  if (wanted) return;
  wanted = true;
  busy = busy.then(async () => {
    try {
      while (page.generator && (wanted || moving())) {
        wanted = false;
        await page.drawView(state, () => wanted);
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

/** Takes the first backend that draws a picture. */
async function start() {
  wanted = false;
  page.generator?.dispose();
  page.generator = null;
  const metadata = page.artifacts.userDefinedMetadata;
  const chosen = page.backends.includes(state.backend) ? [state.backend] : [];
  for (const name of new Set([...chosen, ...page.backends])) {
    try {
      await useBackend(name);
      const generator = await makeGenerator(page.artifacts);
      const { latents, labels } = inputsOf(state.seed, metadata, state.label);
      if (!(await generator.draw(latents, labels)).every(Number.isFinite)) throw new Error('not finite');
      Object.assign(page, { generator, running: name, drawView: makeViews(element, draw, metadata) });
      times = [];
      showControls();
      return redraw();
    } catch (error) {
      console.warn(`${NAMES[name]}: ${error.message}`);
    }
  }
  throw new Error(
    'This browser can compute with neither WebGPU nor WebGL nor WebAssembly, at least not this ' +
      'generator. A current Firefox, Chrome, Edge or Safari can.',
  );
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
  page.generator?.dispose();
  page.generator = null;
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
  const { generator } = page;
  page.generator = null; // ends the loop
  busy = busy.then(() => {
    page.generator = generator;
    return action().catch(fail);
  });
  return busy;
}

/** Controls of a generator that is not there take no input. */
const setUsable = (usable) => {
  for (const part of [element.views, element.controls, element.footer]) part.inert = !usable;
};

function fail(error) {
  page.generator = null;
  setUsable(false);
  element.loading.hidden = true;
  element.error.hidden = false;
  element.error.textContent = error.message;
}

// Controls

const option = (value, text) => Object.assign(document.createElement('option'), { value, textContent: text });

function showControls() {
  const known = page.artifacts.userDefinedMetadata;
  showAbout(element, state.model, page.path, known);
  element.stage.dataset.view = state.view;
  element.canvas.hidden = state.view === 'grid';
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
  element.speed.value = Math.log2(state.speed);
  element.play.textContent = state.playing ? 'Pause' : 'Play';
  element.play.setAttribute('aria-pressed', state.playing);
  element['class-row'].hidden = !known.label_size;
  element.class.replaceChildren(option('', 'by seed'), ...classNames(known).map((name, i) => option(i, name)));
  element.class.value = state.label ?? '';
  element.backend.replaceChildren(...page.backends.map((name) => option(name, NAMES[name])));
  element.backend.value = page.running;
  writeAddress(state);
}

/** Changes what is shown. */
function set(changes) {
  if ('seed' in changes) state.walked = 0;
  Object.assign(state, changes);
  if (!page.generator) return;
  showControls();
  redraw();
}

function setView(view) {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  set({ view, playing: view === 'walk' && !still });
}

const anySeed = () => Math.floor(Math.random() * 1e6);
const step = (count) => set({ seed: (state.seed + count + SEEDS) % SEEDS });
const newSample = () => set({ seed: anySeed(), ...(state.view === 'between' && { other: anySeed() }) });
const play = () => set({ playing: !state.playing });
const move = (by) => set({ position: Math.min(1, Math.max(0, state.position + by)) });
const choose = (name) => {
  if (name === state.model && element.error.hidden) return null;
  state.model = name;
  return afterDrawing(load);
};

function download() {
  wholeView(element, state.view).toBlob((blob) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    const seed = String(state.seed).padStart(6, '0');
    link.download = `${state.model}-${state.view === 'picture' ? '' : `${state.view}-`}seed-${seed}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

function onKey(event) {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || !page.generator) return;
  if (target.matches('input, select') || (key === ' ' && target.matches('button, summary'))) return;
  const along = state.view === 'between' ? (by) => move(by * 0.02) : step;
  const actions = {
    ' ': state.view === 'walk' ? play : newSample,
    ArrowLeft: () => along(-1),
    ArrowRight: () => along(1),
    d: download,
    ...Object.fromEntries(VIEWS.map((view, i) => [i + 1, () => setView(view)])),
  };
  const action = actions[key.length === 1 ? key.toLowerCase() : key];
  if (!action) return;
  event.preventDefault();
  action();
}

function listen() {
  element.controls.addEventListener('submit', (event) => event.preventDefault());
  for (const name of ['seed', 'other']) {
    element[name].addEventListener('input', ({ target }) => {
      target.setCustomValidity(isSeed(target.value) ? '' : 'A whole number from 0 to 2147483647');
      if (isSeed(target.value)) set({ [name]: Number(target.value) });
    });
  }
  element.new.addEventListener('click', newSample);
  element.play.addEventListener('click', play);
  element.position.addEventListener('input', ({ target }) => set({ position: Number(target.value) }));
  element.speed.addEventListener('input', ({ target }) => set({ speed: 2 ** target.value }));
  element.class.addEventListener('change', ({ target }) =>
    set({ label: target.value === '' ? null : Number(target.value) }),
  );
  element.download.addEventListener('click', download);
  element.views.addEventListener('click', ({ target }) => target.dataset.view && setView(target.dataset.view));
  element.grid.addEventListener('click', ({ target }) => {
    const button = target.closest('button');
    if (button) set({ seed: Number(button.dataset.seed), view: 'picture' });
  });
  element.backend.addEventListener('change', ({ target }) => {
    state.backend = target.value;
    afterDrawing(start);
  });
  document.addEventListener('keydown', onKey);
  addEventListener('hashchange', () => {
    const { model, backend, view } = state;
    readAddress(state);
    if (!page.models.length) return;
    if (state.view !== view) setView(state.view);
    if (state.model !== model || !element.error.hidden) afterDrawing(load);
    else if (state.backend !== backend) afterDrawing(start);
    else set({ walked: 0 });
  });
}

function showGallery() {
  element.gallery.hidden = page.models.length < 2;
  for (const { name, path } of page.models) {
    const button = Object.assign(document.createElement('button'), { type: 'button' });
    button.dataset.name = name;
    const picture = Object.assign(new Image(56, 56), { src: `${path}/preview.png`, alt: '', loading: 'lazy' });
    button.append(picture, name);
    button.addEventListener('click', () => choose(name));
    element.gallery.append(button);
  }
}

/** For the console and for tests: `await pgan.draw(pgan.latents(3))`. */
window.pgan = {
  backend: () => getBackend(),
  latents: (seed) => latentsOf(seed, page.artifacts.userDefinedMetadata.latent_size),
  draw: (latents, labels = []) => page.generator.draw(Float32Array.from(latents), Float32Array.from(labels)),
};

async function main() {
  readAddress(state);
  listen();
  page.models = await getJson('models.json');
  if (!page.models.length) throw new Error('models.json lists no generator: export one into this folder.');
  showGallery();
  page.backends = await possibleBackends();
  await load();
  if (state.view === 'walk') setView('walk');
}

busy = main().catch(fail);
