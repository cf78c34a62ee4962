// The objects in a photo: a dot on each, to tap.

import { similar } from './api.js';
import { make } from './cards.js';
import { WHOLE_FRAME } from './crop.js';
import { cutOut } from './photos.js';
import { words } from './translations.js';

/** A single object that covers more of the photo than this is what the photo shows. */
const MAX_AREA = 0.6;

/** Detects the objects in a photo and searches for each; none where the photo shows a single object. The result is kept
 * with the photo, for the same filters. */
export async function detectObjects(photo, filters, top, options) {
  const key = JSON.stringify(filters);
  if (photo.detected?.key === key) return photo.detected.objects;
  const sent = await cutOut({ ...photo, frame: WHOLE_FRAME });
  options.signal.throwIfAborted();
  const { objects } = await similar([sent], { ...filters, objects: true }, top, options);
  const [{ bbox } = {}] = objects;
  const isSingle = objects.length === 1 && !objects[0].repeats.length && bbox.width * bbox.height > MAX_AREA;
  photo.detected = { key, objects: isSingle ? [] : objects };
  return photo.detected.objects;
}

/** Dots on a stage, one for each bounding box of an object; `onChoose` is called with the object and the box. */
export function showObjects(stage, objects, chosen, onChoose) {
  stage.querySelectorAll('.object, .outline').forEach((old) => old.remove());
  objects.forEach((object, at) => [object.bbox, ...object.repeats].forEach((bbox) => {
    const label = words().object(at + 1, object.matches[0]?.product.name ?? '');
    const choose = () => onChoose(object, bbox);
    // A finger that begins on a dot draws no frame.
    const stay = (event) => event.stopPropagation();
    const dot = make('button', { type: 'button', className: 'object', 'aria-label': label, title: label, 'aria-pressed': String(object === chosen), onclick: choose, onpointerdown: stay });
    dot.style.left = `${100 * (bbox.x + bbox.width / 2)}%`;
    dot.style.top = `${100 * (bbox.y + bbox.height / 2)}%`;
    const outline = make('i', { className: 'outline', 'aria-hidden': 'true' });
    for (const [edge, fraction] of [['left', bbox.x], ['top', bbox.y], ['width', bbox.width], ['height', bbox.height]]) {
      outline.style[edge] = `${100 * fraction}%`;
    }
    stage.append(dot, outline);
  }));
}
