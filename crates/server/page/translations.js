// The page's texts in its languages, and how numbers and prices are written.

const en = {
  skip: 'Skip to the results',
  title: 'Find it by photo',
  lead: 'Photograph something you like. We show you the products that look like it.',
  take: 'Take a photo',
  choose: 'Choose a photo',
  hint: 'or drop one here, or paste it',
  note: 'Your photo is only used to search, and is not kept.',
  frameHint: 'Drag a frame around the thing you mean.',
  frame: 'Frame around the thing you mean. Arrow keys move it, with Shift they resize it, Escape takes the whole photo.',
  frameAt: ({ x, y, width, height }) => `Frame: ${width} % wide, ${height} % high, ${x} % from the left, ${y} % from the top`,
  objectsHint: 'Tap a dot, or drag a frame around the thing you mean.',
  objects: (n) => (n === 1 ? 'One thing found in your photo' : `${n} things found in your photo: tap a dot`),
  object: (n, product) => `Thing ${n}: like ${product}`,
  whole: 'Whole photo',
  restart: 'New photo',
  another: 'Add another photo of the same thing',
  remove: 'Remove this photo',
  show: (n) => `Photo ${n}`,
  category: 'Category',
  all: 'All categories',
  price: (currency) => (currency ? `Price (${currency})` : 'Price'),
  from: 'Lowest price',
  to: 'Highest price',
  like: 'Products like',
  back: 'Back to my search',
  docs: 'For developers',
  close: 'Close',
  preparing: 'Preparing your photo …',
  sending: 'Sending …',
  searching: 'Searching …',
  found: (n) => (n === 1 ? '1 product found' : `${n} products found`),
  results: 'Looks like this',
  resultsLike: 'Similar products',
  best: 'Best match',
  closest: 'Closest we have',
  damaged: 'A part of your photo did not arrive: it may be damaged. Please send it again, or take another one.',
  weak: 'We are not sure that we have this. These come closest – a photo of just the thing, in good light, may help.',
  none: 'Nothing found here',
  noneHelp: 'None of these products can be compared with your photo. Look among all of them?',
  everywhere: 'Look among all products',
  why: 'Why this?',
  whyText: (n) => (n === 1 ? 'This customer photo looks most like yours.' : `These ${n} customer photos look most like yours.`),
  whyLike: (n) => (n === 1 ? 'This customer photo looks most like that product.' : `These ${n} customer photos look most like that product.`),
  whyPicture: (n) => (n === 1 ? 'This picture of the shop looks most like yours.' : `These ${n} pictures, the shop\u2019s own among them, look most like yours.`),
  evidence: (n) => `Customer photo ${n}, show it larger`,
  picture: 'The shop\u2019s picture, show it larger',
  similarity: (s) => `similarity ${s}`,
  more: 'More like this',
  moreOf: (name) => `More products like ${name}`,
  visit: 'View product',
  visitOf: (name) => `View ${name} in the shop`,
  was: 'Instead of',
  now: 'Price',
  off: (n) => `${n}% off`,
  stars: (n) => `${n} of 5 stars`,
  reviews: (n) => `${n} reviews`,
  again: 'Try again',
  about: (photos, products) => `${photos} customer photos of ${products} products`,
  troubleTitle: 'That did not work',
  troubles: {
    0: 'There is no connection to the shop. Are you online?',
    400: 'The photo did not arrive as it should.',
    401: 'This shop asks for an access code.',
    404: 'This product is no longer here.',
    408: 'Sending the photo took too long.',
    413: 'The photo is too large.',
    422: 'This photo cannot be read. Please try another one, such as a JPEG or PNG.',
    429: 'That was very quick. Please wait a moment, then try again.',
    503: 'Many people are searching right now. Please try again in a moment.',
    other: 'Something went wrong on our side. Please try again later.',
  },
  notPhoto: 'That is not a photo. Please choose a picture.',
  tooMany: (n) => `At most ${n} photos of one thing.`,
  token: 'Access code',
  tokenGo: 'Continue',
};

const ko = {
  skip: '검색 결과로 건너뛰기',
  title: '사진으로 찾기',
  lead: '마음에 드는 물건을 찍어 보세요. 꼭 닮은 상품을 찾아 드려요.',
  take: '사진 찍기',
  choose: '사진 고르기',
  hint: '여기에 끌어다 놓거나 붙여넣어도 돼요',
  note: '사진은 검색에만 쓰이고 저장되지 않아요.',
  frameHint: '찾고 싶은 물건에 맞춰 틀을 그려 보세요.',
  frame: '찾을 물건을 두르는 틀. 방향키로 옮기고, Shift와 방향키로 크기를 바꾸고, Esc로 사진 전체를 고릅니다.',
  frameAt: ({ x, y, width, height }) => `틀: 너비 ${width}%, 높이 ${height}%, 왼쪽에서 ${x}%, 위에서 ${y}%`,
  objectsHint: '점을 누르거나, 찾고 싶은 물건에 맞춰 틀을 그려 보세요.',
  objects: (n) => `사진에서 물건 ${n}개를 찾았어요. 점을 눌러 보세요.`,
  object: (n, product) => `물건 ${n}: ${product} 비슷한 상품`,
  whole: '사진 전체',
  restart: '새 사진',
  another: '같은 물건의 사진 더하기',
  remove: '이 사진 빼기',
  show: (n) => `사진 ${n}`,
  category: '카테고리',
  all: '전체 카테고리',
  price: (currency) => (currency ? `가격 (${currency})` : '가격'),
  from: '최저 가격',
  to: '최고 가격',
  like: '이 상품과 비슷한 상품',
  back: '내 검색으로 돌아가기',
  docs: '개발자용 문서',
  close: '닫기',
  preparing: '사진을 준비하고 있어요 …',
  sending: '보내는 중 …',
  searching: '찾는 중 …',
  found: (n) => `상품 ${n}개를 찾았어요`,
  results: '꼭 닮은 상품',
  resultsLike: '비슷한 상품',
  best: '가장 닮은 상품',
  closest: '그나마 가까운 상품',
  damaged: '사진의 일부가 손상되어 보이지 않아요. 다시 올리거나 새로 찍어 주세요.',
  weak: '저희가 파는 물건인지 확실하지 않아요. 그래도 가장 비슷한 상품이에요. 밝은 곳에서 그 물건만 찍으면 더 잘 찾을 수 있어요.',
  none: '여기에서는 찾지 못했어요',
  noneHelp: '이 조건에는 사진과 비교할 상품이 없어요. 전체 상품에서 찾아볼까요?',
  everywhere: '전체 상품에서 찾기',
  why: '왜 이 상품인가요?',
  whyText: (n) => `내 사진과 가장 닮은 고객 사진 ${n}장이에요.`,
  whyLike: (n) => `그 상품과 가장 닮은 고객 사진 ${n}장이에요.`,
  whyPicture: (n) => (n === 1 ? '내 사진과 가장 닮은 상품 사진이에요.' : `내 사진과 가장 닮은 사진 ${n}장이에요. 상품 사진도 있어요.`),
  evidence: (n) => `고객 사진 ${n}, 크게 보기`,
  picture: '상품 사진, 크게 보기',
  similarity: (s) => `유사도 ${s}`,
  more: '비슷한 상품 보기',
  moreOf: (name) => `${name}와(과) 비슷한 상품 보기`,
  visit: '상품 보기',
  visitOf: (name) => `${name} 상품 페이지로 가기`,
  was: '정가',
  now: '판매가',
  off: (n) => `${n}% 할인`,
  stars: (n) => `별점 5점 만점에 ${n}점`,
  reviews: (n) => `리뷰 ${n}개`,
  again: '다시 시도',
  about: (photos, products) => `상품 ${products}개의 고객 사진 ${photos}장`,
  troubleTitle: '찾지 못했어요',
  troubles: {
    0: '상점에 연결할 수 없어요. 인터넷 연결을 확인해 주세요.',
    400: '사진이 제대로 도착하지 않았어요.',
    401: '이 상점은 접속 코드가 필요해요.',
    404: '이 상품은 더 이상 없어요.',
    408: '사진을 보내는 데 너무 오래 걸렸어요.',
    413: '사진이 너무 커요.',
    422: '이 사진은 읽을 수 없어요. JPEG나 PNG 같은 다른 사진으로 해 보세요.',
    429: '너무 빨라요. 잠시 기다렸다가 다시 시도해 주세요.',
    503: '지금 찾는 분이 많아요. 잠시 뒤에 다시 시도해 주세요.',
    other: '저희 쪽에 문제가 생겼어요. 나중에 다시 시도해 주세요.',
  },
  notPhoto: '사진이 아니에요. 그림 파일을 골라 주세요.',
  tooMany: (n) => `사진은 ${n}장까지 올릴 수 있어요.`,
  token: '접속 코드',
  tokenGo: '계속',
};

const languages = { en, ko };

const saved = () => {
  try { return localStorage.getItem('language'); } catch { return null; }
};

/** The language in use: the saved one, else the browser's first that has texts. */
export let language = [saved(), ...(navigator.languages ?? [])]
  .map((name) => name?.slice(0, 2))
  .find((name) => name in languages) ?? 'en';

/** The texts in the language in use. */
export const words = () => languages[language];

/** Changes the language, and saves it for the next visit. */
export function setLanguage(name) {
  language = name;
  try { localStorage.setItem('language', name); } catch { /* private windows forget */ }
}

/** Fills in the texts of all elements with a `data-word` or a `data-word-label`. */
export function translate(root = document) {
  document.documentElement.lang = language;
  for (const node of root.querySelectorAll('[data-word]')) node.textContent = words()[node.dataset.word];
  for (const node of root.querySelectorAll('[data-word-label]')) {
    node.setAttribute('aria-label', words()[node.dataset.wordLabel]);
  }
}

/** A number with its thousands separated. */
export const number = (value) => new Intl.NumberFormat(language).format(value);

/** A price in the language's format, with the currency's sign where its code is known. */
export function money(value, currency) {
  if (/^[A-Za-z]{3}$/.test(currency ?? '')) {
    const style = { style: 'currency', currency: currency.toUpperCase() };
    if (Number.isInteger(value)) style.minimumFractionDigits = 0;
    try { return new Intl.NumberFormat(language, style).format(value); } catch { /* no such code */ }
  }
  const plain = new Intl.NumberFormat(language, { maximumFractionDigits: 2 }).format(value);
  return currency ? (/^[a-z]/i.test(currency) ? `${plain} ${currency}` : `${plain}${currency}`) : plain;
}
