// Weights for graphics cards that compute with halves, float16.

const BYTES = { float32: 4, float16: 2, int32: 4 };
// The smallest normal number of a half.
const SMALLEST_HALF = 2 ** -14;

/** Returns the size in bytes of one weight of a graph model, as it is stored. */
export const bytesOf = ({ shape, dtype, quantization }) =>
  shape.reduce((a, b) => a * b, BYTES[quantization?.dtype ?? dtype]);

/**
 * Returns a model without numbers that would be 0 as halves: a pixel norm's 1e-8, which where all
 * features are small would be what it divides by.
 */
export function forHalves({ weightSpecs, weightData, ...model }) {
  const numbers = new DataView(weightData.slice(0));
  let at = 0;
  for (const spec of weightSpecs) {
    const value = !spec.shape.length && spec.dtype === 'float32' ? numbers.getFloat32(at, true) : 0;
    if (value > 0 && value < SMALLEST_HALF) numbers.setFloat32(at, SMALLEST_HALF, true);
    at += bytesOf(spec);
  }
  return { ...model, weightSpecs, weightData: numbers.buffer };
}
