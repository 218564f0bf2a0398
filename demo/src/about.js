// What a generator says of itself; older exports say less.

const joined = (parts, between) => parts.filter(Boolean).join(between);

/** Returns the width and the height of a generator's pictures; older exports are square. */
export const sizeOf = ({ resolution, width = resolution, height = resolution }) => [width, height];

/** Returns a name for each class, a number where it has none. */
export const classNames = ({ label_size, label_names }) =>
  Array.from({ length: label_size }, (_, i) => label_names?.[i] ?? String(i));

/** Returns a class's number from its number or name; null, by seed, if none is asked for. */
export function classOf(label, names) {
  if (label === undefined || label === null) return null;
  const found = names.indexOf(label);
  const number = found < 0 ? Number(label) : found;
  if (Number.isInteger(number) && number >= 0 && number < names.length) return number;
  const expected = names.length ? names.join(', ') : 'none: this generator has no classes';
  throw new RangeError(`label: expected ${expected}, got ${label}`);
}

/**
 * Shows what is known of a generator.
 * @param element the page's elements by id
 * @param folder its address
 * @param known the model's metadata
 */
export function showAbout(element, folder, known) {
  const { kimg } = known;
  const seen = kimg && `after ${Math.round(1000 * kimg).toLocaleString('en')} pictures`;
  element.about.textContent = joined([`${sizeOf(known).join('×')} pixels`, seen], ', ');
  const facts = joined(
    [
      known.trained_by && `Trained by ${known.trained_by}`,
      known.training_data && `trained on: ${known.training_data}`,
      known.is_blend && `still fading in, at alpha ${known.alpha.toFixed(3)}`,
    ],
    ', ',
  );
  element.trained.textContent = joined([facts, known.terms], '. ');
  element.card.hidden = !known.format;
  element.card.href = `${folder}/model_card.md`;
}
