// Pictures of few pixels on screens of many.

const SMOOTH_PIXELS = 512; // at least, on a side of a smooth picture

/**
 * Returns a function that enlarges canvases smoothly: again and again to twice their size, mixing
 * neighbors. That goes towards a quadratic spline (Chaikin), while browsers that mix neighbors once
 * show stripes and diamonds.
 * @param resolution of the canvases
 */
export function makeSmoother(resolution) {
  const steps = [];
  for (let size = 2 * resolution; size < 2 * SMOOTH_PIXELS && resolution < SMOOTH_PIXELS; size *= 2) {
    const step = document.createElement('canvas');
    step.width = step.height = size;
    steps.push(step);
  }
  return (canvas) =>
    steps.reduce((smaller, step) => {
      copy(step, smaller);
      return step;
    }, canvas);
}

/** Puts a canvas in the place of all of another, whose size stays, or of a square of it. */
export function copy(target, canvas, [left, top, size] = [0, 0, target.width], smooth = true) {
  const context = target.getContext('2d');
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = 'low'; // mixes neighbors, no more
  context.clearRect(left, top, size, size); // would be seen through transparent pixels
  context.drawImage(canvas, left, top, size, size);
}
