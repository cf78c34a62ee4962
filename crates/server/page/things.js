// The things in a photo: a dot on each, to tap.

import { similar } from './api.js';
import { make } from './cards.js';
import { WHOLE_FRAME } from './crop.js';
import { cutOut } from './photos.js';
import { words } from './words.js';

/** Things larger than this share of the photo are what the photo shows. */
const LARGE = 0.6;

/** Finds the things in a photo and the products like each; none where the photo shows one thing. Asked once for a
 * photo and what is searched among. */
export async function things(photo, filters, top, options) {
  const asked = JSON.stringify(filters);
  if (photo.things?.asked === asked) return photo.things.found;
  const sent = await cutOut({ ...photo, frame: WHOLE_FRAME });
  options.signal.throwIfAborted();
  const { items } = await similar([sent], { ...filters, items: true }, top, options);
  const [{ box } = {}] = items;
  const one = items.length === 1 && !items[0].copies.length && box.width * box.height > LARGE;
  photo.things = { asked, found: one ? [] : items };
  return photo.things.found;
}

/** Dots on a stage, several where a thing is several times; `onChoose` is told the thing and the place. */
export function showThings(stage, items, chosen, onChoose) {
  stage.querySelectorAll('.thing, .outline').forEach((old) => old.remove());
  items.forEach((item, at) => [item.box, ...item.copies].forEach((place) => {
    const label = words().thing(at + 1, item.matches[0]?.product.name ?? '');
    const choose = () => onChoose(item, place);
    // A finger that begins on a dot draws no frame.
    const stay = (event) => event.stopPropagation();
    const dot = make('button', { type: 'button', className: 'thing', 'aria-label': label, title: label, 'aria-pressed': String(item === chosen), onclick: choose, onpointerdown: stay });
    dot.style.left = `${100 * (place.x + place.width / 2)}%`;
    dot.style.top = `${100 * (place.y + place.height / 2)}%`;
    const outline = make('i', { className: 'outline', 'aria-hidden': 'true' });
    for (const [edge, share] of [['left', place.x], ['top', place.y], ['width', place.width], ['height', place.height]]) {
      outline.style[edge] = `${100 * share}%`;
    }
    stage.append(dot, outline);
  }));
}
