// Pictures of few pixels on screens of many.

const SMOOTH_PIXELS = 512; // at least, on a side of a smooth picture

/**
 * Returns a function that enlarges canvases smoothly: again and again to twice their size, mixing
 * neighbors. That goes towards a quadratic spline (Chaikin), while browsers that mix neighbors once
 * show stripes and diamonds.
 * @param size width and height of the canvases
 */
export function makeSmoother([width, height]) {
  const steps = [];
  const side = Math.max(width, height);
  for (let factor = 2; factor * side < 2 * SMOOTH_PIXELS && side < SMOOTH_PIXELS; factor *= 2) {
    const step = document.createElement('canvas');
    steps.push(Object.assign(step, { width: factor * width, height: factor * height }));
  }
  return (canvas) =>
    steps.reduce((smaller, step) => {
      copy(step, smaller);
      return step;
    }, canvas);
}

/** Puts a canvas in the place of all of another, whose size stays, or of a part of it. */
export function copy(target, canvas, part = [0, 0, target.width, target.height], smooth = true) {
  const context = target.getContext('2d');
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = 'low'; // mixes neighbors, no more
  context.clearRect(...part); // would be seen through transparent pixels
  context.drawImage(canvas, ...part);
}
