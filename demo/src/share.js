// What visitors take with them: a picture, a link, a video.

import { markPng, markWebm } from './marks.js';
import { makeCheckerboard } from './pixels.js';
import { copy } from './scaling.js';

const FRAMES_PER_SECOND = 30;
const SMALLEST_VIDEO = 512; // pixels; smaller ones look bad where they are shared
const LONGEST_VIDEO_SECONDS = 30;
const BITS_PER_SECOND = 8e6;
const VIDEO_TYPES = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm', 'video/mp4'];

/** Returns the first kind of video that this browser can record; undefined if there is none. */
export const videoType = () =>
  HTMLCanvasElement.prototype.captureStream && VIDEO_TYPES.find((type) => globalThis.MediaRecorder?.isTypeSupported(type));

/** Returns the size of a video of a generator's pictures: whole pixels, an even number of them. */
export const videoSize = (size) => {
  const scale = Math.ceil(SMALLEST_VIDEO / Math.max(...size));
  return size.map((side) => side * scale + ((side * scale) % 2));
};

/** Returns the name of a file with what a state shows. */
export function fileName({ model, view, seed }, extension) {
  return `${model}-${view === 'picture' ? '' : `${view}-`}seed-${String(seed).padStart(6, '0')}.${extension}`;
}

function save(blob, name) {
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

/** Saves a canvas with what a state shows; the file says `said`, see `markOf`. */
export function savePicture(canvas, state, said) {
  const name = fileName(state, 'png');
  canvas.toBlob(async (blob) => save(new Blob([markPng(await bytesOf(blob), said)], { type: blob.type }), name));
  return name;
}

/** Copies the page's address. Returns whether that worked. */
export async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    return true;
  } catch {
    // Without https there is no clipboard: the older way.
    const field = Object.assign(document.createElement('textarea'), { value: location.href });
    document.body.append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    return copied;
  }
}

/**
 * Starts to record a video; frames come from `addFrame`.
 * @param size width and height of the pictures
 * @param scaling how they are enlarged
 * @param onSecond called each second with how many there are
 * @param onEnd called when it has ended, by `stop` or because it is long
 */
export function startVideo(size, scaling, onSecond, onEnd) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = videoSize(size);
  const putCheckerboard = makeCheckerboard(canvas.getContext('2d'));
  const stream = canvas.captureStream(FRAMES_PER_SECOND);
  const recorder = new MediaRecorder(stream, { mimeType: videoType(), videoBitsPerSecond: BITS_PER_SECOND });
  const pieces = [];
  let seconds = 0;
  const clock = setInterval(() => {
    seconds += 1;
    onSecond(seconds);
    if (seconds >= LONGEST_VIDEO_SECONDS) recorder.stop();
  }, 1000);
  recorder.addEventListener('dataavailable', ({ data }) => pieces.push(data));
  recorder.addEventListener('stop', () => {
    clearInterval(clock);
    for (const track of stream.getTracks()) track.stop();
    onEnd(new Blob(pieces, { type: recorder.mimeType.split(';')[0] }));
  });
  recorder.start();
  return {
    addFrame(picture) {
      copy(canvas, picture, undefined, scaling === 'smooth');
      putCheckerboard(); // videos are opaque
    },
    stop: () => recorder.state === 'recording' && recorder.stop(),
  };
}

/** Saves what `startVideo` gave, with what it says, and returns its name. */
export function saveVideo(blob, state, said) {
  const name = fileName(state, blob.type === 'video/mp4' ? 'mp4' : 'webm');
  bytesOf(blob).then((bytes) => save(new Blob([markWebm(bytes, said)], { type: blob.type }), name));
  return name;
}
