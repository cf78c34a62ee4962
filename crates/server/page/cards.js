// Product cards.

import { showImage } from './api.js';
import { money, number, words } from './translations.js';

/** An element with properties and children; text stays text, whatever is in it. */
export function make(name, properties = {}, ...children) {
  const { className, ...attributes } = properties;
  const node = document.createElement(name);
  if (className) node.className = className;
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Only http and https are linked: anything else, such as javascript:, would run. */
const isWeb = (address) => /^https?:\/\//i.test(address ?? '');

function picture(address, size, alt) {
  const frame = make('div', { className: 'picture' });
  if (!address) return frame;
  const image = make('img', { alt, loading: 'lazy', decoding: 'async' });
  image.onerror = () => image.remove();
  showImage(image, address, size);
  frame.append(image);
  return frame;
}

/** Percent off, from the shop or computed from the prices. */
function discount({ discount: said, price, list_price: list }) {
  if (said > 0) return Math.round(said);
  return price && list > price ? Math.round(100 * (1 - price / list)) : 0;
}

function prices(product) {
  const { price, list_price: list, currency } = product;
  if (price === null) return null;
  const off = discount(product);
  const row = make('p', { className: 'prices' });
  if (off > 0) row.append(make('span', { className: 'off', 'aria-label': words().off(off) }, `${off}%`));
  row.append(make('span', { className: 'hidden' }, ` ${words().now} `), make('strong', {}, money(price, currency)));
  if (list > price) {
    row.append(make('span', { className: 'hidden' }, ` ${words().was} `), make('s', {}, money(list, currency)));
  }
  return row;
}

function stars({ rating, review_count: reviews }) {
  if (rating === null && reviews === null) return null;
  const row = make('p', { className: 'rating' });
  if (rating !== null) {
    const full = make('span', { className: 'full', 'aria-hidden': 'true' }, '★★★★★');
    full.style.width = `${Math.max(0, Math.min(100, 20 * rating))}%`;
    const label = words().stars(rating.toFixed(1));
    row.append(make('span', { className: 'stars', role: 'img', 'aria-label': label }, make('span', { 'aria-hidden': 'true' }, '★★★★★'), full));
    row.append(make('span', { className: 'mean', 'aria-hidden': 'true' }, rating.toFixed(1)));
  }
  if (reviews !== null) row.append(make('span', { className: 'reviews' }, words().reviews(number(reviews))));
  return row;
}

function why(match, likeProduct, onLarge) {
  if (!match.evidence.length) return null;
  const photos = match.evidence.map((evidence, at) => {
    const label = evidence.source === 'catalogue' ? words().picture : words().evidence(at + 1);
    const show = () => onLarge(evidence.thumbnail_url);
    const button = make('button', { type: 'button', className: 'evidence', 'aria-label': label, onclick: show });
    button.append(picture(evidence.thumbnail_url, 256, ''));
    button.title = words().similarity(evidence.similarity.toFixed(2));
    return make('li', {}, button);
  });
  const has = match.evidence.some(({ source }) => source === 'catalogue');
  const say = likeProduct ? words().whyLike : has ? words().whyPicture : words().whyText;
  return make('details', { className: 'why' },
    make('summary', {}, words().why),
    make('p', {}, say(photos.length)),
    make('ul', {}, ...photos));
}

/** A product's card. `onMore` searches by the product, `onLarge` shows a photo larger. */
export function card(match, { verdict, likeProduct, onMore, onLarge }) {
  const { product } = match;
  const first = match.rank === 1;
  const label = first && !likeProduct ? (verdict === 'weak' ? words().closest : words().best) : null;
  const shown = picture(product.image_url, first ? 640 : 384, '');
  const more = () => onMore(product);
  const cover = make('button', { type: 'button', className: 'cover', 'aria-label': words().moreOf(product.name), onclick: more }, shown);
  const details = why(match, likeProduct, onLarge);
  if (details && first) details.open = true;
  const visit = isWeb(product.url)
    ? make('a', { className: first ? 'primary' : 'secondary', href: product.url, rel: 'noopener noreferrer', target: '_blank', 'aria-label': words().visitOf(product.name) }, words().visit)
    : null;
  return make('li', { className: first ? 'card first' : 'card' },
    cover,
    make('div', { className: 'facts' },
      label ? make('p', { className: verdict === 'weak' ? 'label weak' : 'label' }, label) : null,
      product.category ? make('p', { className: 'category' }, product.category.split('/').join(' › ')) : null,
      make('h3', {}, product.name),
      prices(product),
      stars(product),
      product.delivery ? make('p', { className: 'delivery' }, product.delivery) : null,
      first && product.description ? make('p', { className: 'description' }, product.description) : null,
      make('div', { className: 'actions' },
        visit,
        make('button', { type: 'button', className: first ? 'secondary more' : 'quiet more', onclick: more, 'aria-label': words().moreOf(product.name) }, words().more)),
      details));
}

/** A placeholder while the search runs. */
export const blank = (at) => make('li', { className: at ? 'card blank' : 'card first blank', 'aria-hidden': 'true' },
  make('div', { className: 'picture' }),
  make('div', { className: 'facts' }, make('i'), make('i'), make('i')));
