// The page: a shopper's photos, the search, the product cards.

import { service, showImage, similar, similarTo, useToken } from './api.js';
import { blank, card, make } from './cards.js';
import { Frame, WHOLE_FRAME, isWhole } from './crop.js';
import { close, cutOut, open, unread } from './photos.js';
import { detectObjects, showObjects } from './objects.js';
import { language, number, setLanguage, translate, words } from './translations.js';

const byId = (id) => document.getElementById(id);
/** Number of products to search for. */
const TOP = 9;
/** Milliseconds between the last change of the frame and the search. */
const DEBOUNCE = 500;

const state = {
  photos: [],
  at: 0,
  service: null,
  /** The product that similar products are searched for, if there is one. */
  seed: null,
  answer: null,
  /** The objects detected in the photo, and the one whose products are shown. */
  objects: [],
  object: null,
  trouble: null,
};
let asking = null;
let resting = 0;

// ---- Photos ----

async function add(files) {
  const pictures = [...files].filter((file) => file.type.startsWith('image/') || /\.(heic|heif|avif)$/i.test(file.name));
  if (!pictures.length) return files.length && fail(words().notPhoto);
  const most = state.service?.limits.max_photos ?? 8;
  if (state.photos.length + pictures.length > most) return fail(words().tooMany(most));
  say(words().preparing);
  leaveSeed(false);
  for (const file of pictures) {
    state.photos.push(await open(file).catch(() => unread(file)));
  }
  state.at = state.photos.length - 1;
  showPhotos();
  search();
}

function remove(at) {
  close(...state.photos.splice(at, 1));
  state.at = Math.min(state.at, state.photos.length - 1);
  if (!state.photos.length) return restart();
  showPhotos();
  search();
}

function restart() {
  asking?.abort();
  state.photos.splice(0).forEach(close);
  Object.assign(state, { at: 0, answer: null, trouble: null });
  leaveSeed(false);
  byId('filters').reset();
  say('');
  render();
  byId('choose').focus();
}

const frame = new Frame(byId('stage'), byId('frame'), {
  onChange(value) {
    state.photos[state.at].frame = { ...value };
    state.object = null;
    byId('whole').hidden = isWhole(value);
    describeFrame();
  },
  onDone() {
    clearTimeout(resting);
    resting = setTimeout(search, DEBOUNCE);
  },
});

function describeFrame() {
  const percent = Object.fromEntries(Object.entries(frame.value).map(([key, fraction]) => [key, Math.round(100 * fraction)]));
  byId('frame').setAttribute('aria-label', `${words().frame} ${words().frameAt(percent)}`);
}

function showPhotos() {
  const photo = state.photos[state.at];
  const image = byId('photo');
  image.src = photo?.address ?? '';
  byId('stage').hidden = !photo?.address;
  byId('frame-hint').hidden = !photo?.address;
  if (photo) frame.set(photo.frame);
  byId('whole').hidden = !photo || isWhole(photo.frame);
  describeFrame();
  const entries = state.photos.map((one, at) => {
    const show = () => { state.at = at; showPhotos(); };
    const inside = one.address ? make('img', { src: one.address, alt: '' }) : '…';
    return make('li', {},
      make('button', { type: 'button', className: 'small', 'aria-label': words().show(at + 1), 'aria-pressed': String(at === state.at), onclick: show }, inside),
      state.photos.length > 1
        ? make('button', { type: 'button', className: 'remove', 'aria-label': `${words().remove} (${at + 1})`, onclick: () => remove(at) }, '✕')
        : null);
  });
  const another = make('button', { type: 'button', className: 'small plus', 'aria-label': words().another, title: words().another, onclick: () => byId('files').click() }, '+');
  byId('strip').replaceChildren(...entries, make('li', {}, another));
  render();
}

// ---- Searching ----

async function search() {
  clearTimeout(resting);
  const { seed } = state;
  if (!seed && !state.photos.length) return;
  asking?.abort();
  const mine = (asking = new AbortController());
  Object.assign(state, { trouble: null, answer: null, object: null, objects: [] });
  busy(seed ? words().searching : words().sending);
  const options = {
    signal: mine.signal,
    onSent(fraction) {
      byId('progress').value = 100 * fraction;
      if (fraction === 1) {
        byId('progress').removeAttribute('value');
        say(words().searching);
      }
    },
  };
  try {
    let answer;
    if (seed) {
      answer = await similarTo(seed.id, TOP, { signal: mine.signal });
    } else {
      const photos = await Promise.all(state.photos.map(cutOut));
      mine.signal.throwIfAborted();
      answer = await similar(photos, filters(), TOP, options);
    }
    if (asking !== mine) return;
    state.answer = answer;
  } catch (trouble) {
    if (asking !== mine || trouble.name === 'AbortError') return;
    state.trouble = trouble;
  }
  byId('progress').hidden = true;
  render();
  if (state.answer) say(state.answer.matches.length ? words().found(state.answer.matches.length) : words().none);
  if (state.answer && !seed) searchObjects(mine);
}

/** Runs after the search, so that nobody waits for it: detects the objects in the photo. */
async function searchObjects(mine) {
  const [photo] = state.photos;
  if (state.photos.length !== 1 || !photo.canvas) return;
  const found = await detectObjects(photo, filters(), TOP, { signal: mine.signal }).catch(() => []);
  if (asking !== mine) return;
  state.objects = found;
  render();
  if (found.length) say(words().objects(found.length));
}

/** Shows the products like one of the objects; they were in the response. */
function choose(object, bbox) {
  clearTimeout(resting);
  frame.set(bbox);
  frame.onChange(bbox);
  state.object = object;
  render();
  say(words().found(object.matches.length));
}

/** The chosen filters, as query parameters. */
function filters() {
  const chosen = {
    category: byId('category').value,
    price_min: byId('price-min').value,
    price_max: byId('price-max').value,
  };
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== ''));
}

function busy(text) {
  say(text);
  byId('progress').hidden = false;
  byId('progress').value = 0;
  render();
  byId('cards').replaceChildren(...[0, 1, 2, 3].map(blank));
}

// ---- More like a product ----

function more(product) {
  history.pushState({ product }, '');
  enterSeed(product);
}

function enterSeed(product) {
  state.seed = product;
  search();
  scrollTo({ top: 0, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
}

function leaveSeed(again = true) {
  state.seed = null;
  if (again) search();
}

addEventListener('popstate', (event) => {
  if (event.state?.product) enterSeed(event.state.product);
  else if (state.photos.length) leaveSeed();
  else restart();
});

// ---- Rendering ----

/** Announces a text to screen readers; it is visible only while there is no answer. */
function say(text) {
  byId('live').textContent = text;
  byId('live').classList.toggle('hidden', state.answer !== null);
}

function fail(text) {
  state.trouble = { text };
  render();
}

function render() {
  const { photos, seed, object, trouble } = state;
  const answer = object ?? state.answer;
  const started = photos.length > 0 || seed !== null;
  document.body.classList.toggle('started', started);
  byId('intro').hidden = started;
  byId('drop').hidden = started;
  byId('mine').hidden = !photos.length || seed !== null;
  byId('seed').hidden = seed === null;
  const { categories = [], price_range: prices } = state.service ?? {};
  const ready = photos.some((photo) => photo.address) && seed === null;
  byId('filters').hidden = !ready || !(categories.length || prices);
  byId('categories').hidden = !categories.length;
  byId('prices').hidden = !prices;
  if (seed) {
    byId('seed-name').textContent = seed.name;
    byId('seed-image').hidden = !seed.image_url;
    if (seed.image_url) showImage(byId('seed-image'), seed.image_url, 256);
  }
  const objects = seed ? [] : state.objects;
  showObjects(byId('stage'), objects, object, choose);
  byId('frame-hint').textContent = objects.length ? words().objectsHint : words().frameHint;
  renderTrouble(trouble);
  const title = byId('answer-title');
  const found = answer?.matches.length ?? 0;
  title.hidden = !answer;
  const weak = !seed && answer?.verdict === 'weak';
  const heading = seed ? words().resultsLike : weak ? words().closest : words().results;
  if (answer) title.textContent = found ? heading : words().none;
  const doubt = byId('doubt');
  const damaged = answer?.missing_percent ? words().damaged : null;
  doubt.hidden = !(weak || damaged || (answer && !found));
  doubt.replaceChildren(damaged ?? (weak ? words().weak : words().noneHelp));
  if (answer && !found && Object.keys(filters()).length) {
    const everywhere = () => { byId('filters').reset(); search(); };
    doubt.append(' ', make('button', { type: 'button', className: 'secondary', onclick: everywhere }, words().everywhere));
  }
  const verdict = weak ? 'weak' : 'likely';
  const options = { verdict, likeProduct: seed !== null, onMore: more, onLarge: enlarge };
  byId('cards').replaceChildren(...(answer?.matches ?? []).map((match) => card(match, options)));
}

function renderTrouble(trouble) {
  const box = byId('trouble');
  box.hidden = !trouble;
  if (!trouble) return box.replaceChildren();
  byId('progress').hidden = true;
  say('');
  const { troubles } = words();
  const text = trouble.text ?? troubles[trouble.status] ?? troubles.other;
  const parts = [make('strong', {}, words().troubleTitle), make('p', {}, text)];
  if (trouble.status === 401) parts.push(askToken());
  else if ([413, 422].includes(trouble.status)) parts.push(make('button', { type: 'button', className: 'secondary', onclick: restart }, words().restart));
  else if (!trouble.text) parts.push(make('button', { type: 'button', className: 'secondary', onclick: search }, words().again));
  box.replaceChildren(...parts);
}

function askToken() {
  const field = make('input', { type: 'password', autocomplete: 'current-password', id: 'token', required: true });
  const go = (event) => {
    event.preventDefault();
    useToken(field.value.trim());
    state.trouble = null;
    start().then(search);
  };
  const label = make('label', { for: 'token' }, words().token);
  return make('form', { className: 'token', onsubmit: go }, label, field, make('button', { className: 'primary' }, words().tokenGo));
}

function enlarge(address) {
  showImage(byId('large-image'), address, 1024);
  byId('large').showModal();
}

function renderService() {
  const { service: known } = state;
  byId('about').textContent = known ? words().about(number(known.index.photos), number(known.index.products)) : '';
  const select = byId('category');
  const chosen = select.value;
  const choices = (known?.categories ?? []).map(({ name, products }) => {
    const parts = name.split('/');
    const indent = '\u2003'.repeat(parts.length - 1);
    return make('option', { value: name }, `${indent}${parts.at(-1)} (${number(products)})`);
  });
  select.replaceChildren(make('option', { value: '' }, words().all), ...choices);
  select.value = chosen;
  const { price_range: prices } = known ?? {};
  byId('price-min').placeholder = prices ? number(Math.floor(prices.min)) : '';
  byId('price-max').placeholder = prices ? number(Math.ceil(prices.max)) : '';
  byId('prices').querySelector('legend').textContent = words().price(prices?.currency ?? '');
}

function renderLanguage() {
  translate();
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === language));
  }
  say('');
  renderService();
  showPhotos();
}

async function start() {
  try {
    state.service = await service();
  } catch (trouble) {
    if (trouble.status === 401) state.trouble = trouble;
  }
  renderService();
  render();
}

// ---- Events ----

byId('take').onclick = () => byId('camera').click();
byId('choose').onclick = () => byId('files').click();
for (const input of [byId('camera'), byId('files')]) {
  input.onchange = () => { add(input.files).finally(() => { input.value = ''; }); };
}
byId('whole').onclick = () => { frame.set(WHOLE_FRAME); frame.onChange(frame.value); search(); };
byId('restart').onclick = () => { history.pushState(null, ''); restart(); };
byId('back').onclick = () => history.back();
byId('filters').onchange = search;
byId('filters').onsubmit = (event) => event.preventDefault();
byId('large').onclick = (event) => event.target === byId('large') && byId('large').close();
for (const button of document.querySelectorAll('[data-language]')) {
  button.onclick = () => { setLanguage(button.dataset.language); renderLanguage(); };
}
addEventListener('paste', (event) => {
  if (event.clipboardData?.files.length) add(event.clipboardData.files);
});
let over = 0;
const dragging = (on) => document.body.classList.toggle('dragging', on);
addEventListener('dragenter', () => dragging(++over > 0));
addEventListener('dragleave', () => dragging(--over > 0));
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  event.preventDefault();
  over = 0;
  dragging(false);
  if (event.dataTransfer?.files.length) add(event.dataTransfer.files);
});

renderLanguage();
start();
