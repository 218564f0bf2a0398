// What a generator says of itself; older exports say less.

const joined = (parts, between) => parts.filter(Boolean).join(between);

/** Returns a name for each class, a number where it has none. */
export const classNames = ({ label_size, label_names }) =>
  Array.from({ length: label_size }, (_, i) => label_names?.[i] ?? String(i));

/**
 * Shows what is known of a generator.
 * @param element the page's elements by id
 * @param name the generator's
 * @param folder its address
 * @param known the model's metadata
 */
export function showAbout(element, name, folder, known) {
  const { resolution, kimg } = known;
  const seen = kimg && `after ${Math.round(1000 * kimg).toLocaleString('en')} pictures`;
  element.title.textContent = document.title = name;
  element.about.textContent = joined(
    [`${resolution}×${resolution} pixels, drawn in this browser by a progressive GAN`, seen],
    ', ',
  );
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
  element.stage.classList.toggle('coarse', resolution < 128);
}
