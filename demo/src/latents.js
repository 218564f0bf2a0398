// Latents from seeds, as generate.py draws them, and ways between them.

const MULTIPLY = [0xd2511f53, 0xcd9e8d57];
const WEYL = [0x9e3779b9, 0xbb67ae85];
const SCRAMBLE = [0x3ec8f720, 0x02461e29];
export const SEEDS = 2 ** 31;

/** Returns whether something is a seed, or the text of one: 0 to 2147483647. */
export const isSeed = (seed) => /^\d{1,10}$/.test(String(seed)) && Number(seed) < SEEDS;

/** Returns the high and low 32 bits of a product of two 32-bit numbers. */
function multiply(a, b) {
  const [ah, al, bh, bl] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = al * bh + ((al * bl) >>> 16);
  const other = ah * bl + (middle % 0x10000);
  return [(ah * bh + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000)) >>> 0, Math.imul(a, b) >>> 0];
}

/** Philox4x32-10 (Salmon et al., 2011): four random 32-bit numbers of a counter and a key. */
export function philox(counter, key) {
  let [a, b, c, d] = counter;
  let [k, l] = key;
  for (let round = 0; round < 10; round++) {
    const [highA, lowA] = multiply(MULTIPLY[0], a);
    const [highC, lowC] = multiply(MULTIPLY[1], c);
    [a, b, c, d] = [(highC ^ b ^ k) >>> 0, lowC, (highA ^ d ^ l) >>> 0, lowA];
    [k, l] = [(k + WEYL[0]) >>> 0, (l + WEYL[1]) >>> 0];
  }
  return [a, b, c, d];
}

/** Returns a seed's latent vector, N(0, 1): TensorFlow's stateless_normal with Philox. */
export function latentsOf(seed, size) {
  const mixed = philox([seed % 2 ** 32, Math.floor(seed / 2 ** 32), 0, 0], SCRAMBLE);
  const latents = new Float32Array(4 * Math.ceil(size / 4));
  for (let block = 0; block < latents.length / 4; block++) {
    const uniform = philox([block, 0, mixed[2], mixed[3]], mixed.slice(0, 2)).map((x) => (x & 0x7fffff) / 2 ** 23);
    for (const pair of [0, 2]) {
      const radius = Math.sqrt(-2 * Math.log(Math.max(uniform[pair], 1e-7)));
      const angle = 2 * Math.PI * uniform[pair + 1];
      latents[4 * block + pair] = radius * Math.sin(angle);
      latents[4 * block + pair + 1] = radius * Math.cos(angle);
    }
  }
  return latents.slice(0, size);
}

const norm = (x) => Math.sqrt(x.reduce((sum, one) => sum + one * one, 0));

/** Mixes vectors with weights. */
export const mix = (vectors, weights) =>
  vectors[0].map((_, i) => vectors.reduce((sum, vector, k) => sum + weights[k] * vector[i], 0));

/** Goes from a to b along the great circle, their lengths evenly; t from 0 to 1. */
export function slerp(a, b, t) {
  const [lengthA, lengthB] = [norm(a), norm(b)];
  const cosine = a.reduce((sum, one, i) => sum + one * b[i], 0) / (lengthA * lengthB);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (angle < 1e-4) return mix([a, b], [1 - t, t]);
  const length = lengthA + (lengthB - lengthA) * t;
  return mix([a, b], [
    (length * Math.sin((1 - t) * angle)) / (Math.sin(angle) * lengthA),
    (length * Math.sin(t * angle)) / (Math.sin(angle) * lengthB),
  ]);
}

/**
 * Goes from the second of four vectors to the third without a kink at either (Catmull and Rom), on
 * the sphere where random latents are. t from 0 to 1.
 */
export function spline(four, t) {
  const point = mix(four, [
    ((2 - t) * t - 1) * t / 2,
    ((3 * t - 5) * t * t + 2) / 2,
    ((4 - 3 * t) * t + 1) * t / 2,
    ((t - 1) * t * t) / 2,
  ]);
  const length = norm(four[1]) + (norm(four[2]) - norm(four[1])) * t;
  const scale = length / norm(point);
  return point.map((one) => one * scale);
}

/**
 * Goes along unit directions, as far as `strengths` say, and back to the length that latents have:
 * Python's `pgan_tf.move`.
 */
export function move(latents, directions, strengths) {
  const used = directions.filter((_, k) => strengths[k]);
  if (!used.length) return latents;
  const moved = mix([latents, ...used], [1, ...strengths.slice(0, directions.length).filter(Boolean)]);
  const scale = norm(latents) / norm(moved);
  return moved.map((one) => one * scale);
}

/** Returns `{latents, labels}` of a seed; without a class of their own, seeds take turns. */
export function inputsOf(seed, { latent_size, label_size }, label) {
  seed = ((seed % SEEDS) + SEEDS) % SEEDS;
  const labels = new Float32Array(label_size);
  if (label_size) labels[label ?? seed % label_size] = 1;
  return { latents: latentsOf(seed, latent_size), labels };
}
