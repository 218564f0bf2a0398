// From a network's numbers to a canvas's pixels, and what is behind transparent ones.

const SQUARE = 16; // pixels of a square of a video's checkerboard
const [LIGHT, DARK] = ['#fff', '#ccc'];

/**
 * Returns pixels as a canvas takes them, straight RGBA of 0 to 255, of numbers in [-1, 1].
 * @param channels 1: gray; 4: RGBA, its color premultiplied by alpha; of any other number the
 *   first three are red, green and blue
 */
export function toPixels(numbers, channels) {
  // This kind of array clips and rounds, halves to even, as sampling.to_uint8 does.
  const bytes = Uint8ClampedArray.from(numbers, (x) => (x + 1) * 127.5);
  const pixels = new Uint8ClampedArray((4 * bytes.length) / channels);
  for (let from = 0, to = 0; to < pixels.length; from += channels, to += 4) {
    const alpha = channels === 4 ? bytes[from + 3] : 255;
    for (let c = 0; c < 3; c++) {
      const color = channels === 1 ? bytes[from] : c < channels ? bytes[from + c] : 0;
      pixels[to + c] = (color * 255) / Math.max(alpha, 1);
    }
    pixels[to + 3] = alpha;
    if (!alpha) pixels.fill(0, to, to + 3); // networks may add color to nothing
  }
  return pixels;
}

/** Returns a function that puts gray squares behind what a canvas shows. */
export function makeCheckerboard(context) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 2 * SQUARE;
  const squares = tile.getContext('2d');
  [LIGHT, DARK, DARK, LIGHT].forEach((gray, i) => {
    squares.fillStyle = gray;
    squares.fillRect((i % 2) * SQUARE, (i >> 1) * SQUARE, SQUARE, SQUARE);
  });
  const pattern = context.createPattern(tile, 'repeat');
  return () => {
    context.globalCompositeOperation = 'destination-over';
    context.fillStyle = pattern;
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    context.globalCompositeOperation = 'source-over';
  };
}
