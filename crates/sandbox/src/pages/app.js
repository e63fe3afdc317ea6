// The demo shop in the browser: small helpers (also used by the inspector) and what each page does.
// No page can read a token. Each page requests the shopper's profile and shows it.

// ---------------------------------------------------------------- helpers

export const find = (selector, root = document) => root.querySelector(selector);
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Creates an element. Text is inserted as text, never as markup. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** An error of the server, with the stable `code` of its problem document. */
export class Problem extends Error {
  constructor(status, code, retryAfter) {
    super(code || `status ${status}`);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...options });
  } catch {
    throw new Problem(0, 'unreachable');
  }
  const isJson = /json/.test(response.headers.get('content-type') || '');
  const body = isJson ? await response.json().catch(() => null) : null;
  if (response.ok) return body;
  throw new Problem(response.status, body?.code, Number(response.headers.get('retry-after')) || null);
}

export const getJson = (path, signal) => call(path, { headers: { accept: 'application/json' }, signal });

export const post = (path, body) =>
  call(path, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json', 'X-BFF': '1' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });

const SENTENCES = {
  bad_credentials: 'That e-mail and password do not match. Please try again.',
  login_conflict: 'This account logged in a moment ago. Wait a second, then try again.',
  session_expired: 'You have been logged out because your session ended. Please log in again.',
  csrf_rejected: 'This request did not come from our own page, so it was rejected. Reload and try again.',
  too_many_requests: 'Too many requests.',
  upstream_throttled: 'The shop is receiving too many requests.',
  upstream_unavailable: 'The shop is unavailable right now. Your session and your cart are unchanged.',
  upstream_refused: 'The shop rejected that.',
  misconfigured: 'The shop is not configured correctly. This is our fault, not yours.',
  bad_request: 'The request was invalid.',
  not_allowed: 'That is not allowed here.',
  payload_too_large: 'The request was larger than the shop accepts.',
  unreachable: 'There is no connection to the shop. Check that it is running.',
};

/** The message for an error. */
export function sentence(error) {
  const known = SENTENCES[error?.code] || (error?.status === 401 && 'The shop does not know you yet. Reload the page.');
  const text = known || 'That did not work. Please try again.';
  return error?.retryAfter ? `${text} Try again in ${error.retryAfter} s.` : text;
}

export const money = (amount) => new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' }).format(amount ?? 0);

/** The start of an id, enough to compare two. */
export const short = (id) => (id && id.length > 11 ? `${id.slice(0, 9)}…` : id || '');

/** 95 -> "1:35", 7300 -> "2 h 01 min", 200000 -> "2 d 7 h". */
export function span(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  const pad = (number) => String(number).padStart(2, '0');
  if (left >= 86400) return `${Math.floor(left / 86400)} d ${Math.floor((left % 86400) / 3600)} h`;
  if (left >= 3600) return `${Math.floor(left / 3600)} h ${pad(Math.floor((left % 3600) / 60))} min`;
  return `${Math.floor(left / 60)}:${pad(left % 60)}`;
}

function toast(text) {
  const box = find('[data-toast]');
  box.textContent = text;
  box.classList.add('shown');
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => box.classList.remove('shown'), 3200);
}

function notice(text, kind = 'error', link = null) {
  const box = find('[data-notice]');
  if (!box) return toast(text);
  box.className = `notice ${kind}`;
  box.replaceChildren(text, ...(link ? [' ', link] : []));
  box.hidden = false;
}

// ---------------------------------------------------------------- who am I

const isRegistered = (who) => who?.customer_type === 'registered';
const nameOf = (who) => (isRegistered(who) ? who.name || who.login || 'Logged in' : who ? 'Guest' : 'No session yet');

async function whoAmI() {
  const [me, session] = await Promise.allSettled([getJson('/api/me'), getJson('/bff/session')]);
  if (session.value?.session_expired || me.reason?.code === 'session_expired') {
    notice(SENTENCES.session_expired, 'error', element('a', { href: '/login' }, 'Log in'));
  } else if (me.reason && me.reason.status !== 401) {
    notice(sentence(me.reason));
  }
  return { me: me.value ?? null, session: session.value ?? null };
}

function showWho({ me, session }) {
  const who = me || (session && session.customer_type !== 'none' ? session : null);
  const name = nameOf(who);
  find('[data-who-name]').textContent = name;
  find('[data-who-avatar]').textContent = isRegistered(who) ? name[0].toUpperCase() : who ? 'G' : '–';
  find('[data-who]').classList.toggle('registered', isRegistered(who));
  find('[data-log-in]').hidden = isRegistered(who);
  find('[data-log-out]').hidden = !isRegistered(who);
  showFacts(who, session);
  showCount(me?.basket?.count ?? 0);
}

function showFacts(who, session) {
  const facts = [
    ['Customer', who?.customer_type],
    ['Customer id', who?.customer_id],
    ['Login', who?.login || session?.login_id],
    ['Access token', session?.access_expires_in > 0 ? `${span(session.access_expires_in)} left` : session && 'none'],
    ['Refresh token', session?.refresh_expires_in > 0 ? `${span(session.refresh_expires_in)} left` : session && 'none'],
    ['DW session', session?.dw_session],
  ];
  const rows = facts.filter(([, value]) => value).flatMap(([term, value]) => [element('dt', {}, term), element('dd', {}, value)]);
  find('[data-who-facts]').replaceChildren(...rows);
}

function showCount(count) {
  const badge = find('[data-cart-count]');
  badge.textContent = count;
  badge.hidden = count === 0;
}

// ---------------------------------------------------------------- the twin strip: Head and ECOM side by side

const BADGES = {
  agree: 'Same shopper',
  split: 'Two different shoppers',
  waiting: 'Not bridged yet',
  none: 'No session yet',
};

/** Compares the shopper of this page's system (`own`) with the shopper of the other system. */
async function showTwin(system, own) {
  const box = find('[data-twin]');
  if (!box) return;
  const state = await getJson('/inspector/state').catch(() => null);
  if (!state) {
    box.hidden = system === 'head';
    return;
  }
  const head = system === 'head' ? own : state.access;
  const ecom = system === 'ecom' ? own : state.dw_session?.state === 'live' ? state.dw_session : null;
  const verdict = head && ecom ? (head.customer_id === ecom.customer_id ? 'agree' : 'split') : head || ecom ? 'waiting' : 'none';
  box.dataset.state = verdict;
  find('[data-twin-badge]', box).textContent = BADGES[verdict];
  const name = verdict === 'agree' && isRegistered(own) ? own.name : null;
  if (head) showSide('head', head, name, 'access token');
  else showAbsence('head', 'No access token at the moment');
  if (system === 'head' && ecom) showSide('ecom', ecom, name, 'DW session');
  else if (system === 'head') showAbsence('ecom', 'The first classic page opens one');
}

function showSide(system, who, name, credential) {
  find(`[data-twin-name="${system}"]`).textContent = name || nameOf(who);
  find(`[data-twin-fact="${system}"]`).replaceChildren(
    element('b', {}, who.customer_type), ' ',
    element('code', { title: 'customer id' }, who.customer_id), ' ',
    element('span', { class: 'nowrap' }, `by ${credential}`),
  );
}

function showAbsence(system, text) {
  find(`[data-twin-name="${system}"]`).textContent = 'No session yet';
  find(`[data-twin-fact="${system}"]`).textContent = text;
}

// ---------------------------------------------------------------- products

/** Line art on a 320 × 220 canvas. Its classes take their colours from the card's hue. */
const ART = [
  [/tandem|bike|gravel|tourer|randonn/i, `
    <g class="thick"><circle cx="82" cy="146" r="40"/><circle cx="238" cy="146" r="40"/></g>
    <path class="thick deep" d="M82 146l28-58h54l-22 58zM142 146l-32-58M142 146h56l-34-58M198 146l26-58h-60M224 88l14 58M224 88l-4-16h22M110 88l-6-16M164 88l-6-16"/>
    <path class="seat" d="M92 70h26M146 70h26"/>`],
  [/tent|shelter|tarp|camp|bivvy/i, `
    <path class="fill-mid" d="M160 62 262 180H58z"/><path class="fill-deep" d="M160 62l34 118h-68z"/>
    <path class="fill-pale" d="M160 92l18 88h-36z"/><path class="thick deep" d="M160 62l-8-16M58 180l-18 6M262 180l18 6"/>`],
  [/helmet/i, `
    <path class="fill-mid" d="M72 158c-6-64 40-102 94-100 52 2 88 44 86 98-60 16-120 18-180 2z"/>
    <path class="fill-deep" d="M104 118c14-26 36-38 58-40l-8 30c-18 0-34 4-50 10zM176 78c26 4 44 20 52 42l-42-10z"/>
    <path class="thick deep" d="M92 162c12 22 30 30 50 30M226 162c-12 20-40 32-84 30"/>`],
  [/light|lamp|beam|dynamo/i, `
    <path class="fill-glow" d="M176 82l118-36v134l-118-38z"/>
    <path class="fill-mid" d="M92 76h72a20 20 0 0 1 20 20v34a20 20 0 0 1-20 20H92a22 22 0 0 1-22-22V98a22 22 0 0 1 22-22z"/>
    <path class="fill-deep" d="M168 78h14a8 8 0 0 1 8 8v54a8 8 0 0 1-8 8h-14zM106 150h34v34h-34z"/><circle class="fill-pale" cx="100" cy="112" r="9"/>`],
  [/bottle|flask|mug|thermos/i, `
    <path class="fill-mid" d="M128 86c0-12 8-18 8-26h48c0 8 8 14 8 26v92a12 12 0 0 1-12 12h-40a12 12 0 0 1-12-12z"/>
    <path class="fill-deep" d="M134 36h52v24h-52zM128 112h64v38h-64z"/><path class="fill-pale" d="M148 22h24v14h-24zM138 74h8v30h-8z"/>`],
  [/jacket|shell|rain|vest|cape|jersey|poncho/i, `
    <path class="fill-mid" d="M128 52c20 14 44 14 64 0l46 26-16 92h-22v16h-80v-16H98L82 78z"/>
    <path class="fill-deep" d="M128 52c20 14 44 14 64 0l-10-12h-44zM98 170l10-66 12 66zM222 170l-10-66-12 66z"/><path class="thin" d="M160 64v122M128 148h18M174 148h18"/>`],
  [/bell|horn/i, `
    <path class="fill-mid" d="M86 142c0-50 30-84 74-84s74 34 74 84z"/><path class="fill-deep" d="M78 142h164v14H78zM136 156h48v26h-48z"/>
    <circle class="fill-deep" cx="160" cy="50" r="12"/><path class="pale-line" d="M108 124c4-24 16-40 34-46"/>`],
  [/lock/i, `
    <path class="heavy" d="M118 112V88a42 42 0 0 1 84 0v24"/><rect class="fill-mid" x="96" y="108" width="128" height="80" rx="14"/>
    <circle class="fill-pale" cx="160" cy="142" r="12"/><path class="fill-pale" d="M155 146h10l4 24h-18z"/>`],
  [/map|guide|book/i, `
    <path class="fill-mid" d="M70 62l60-14 60 14 60-14v122l-60 14-60-14-60 14z"/><path class="fill-deep" d="M130 48l60 14v122l-60-14z"/>
    <path class="pale-line" stroke-dasharray="3 12" d="M86 150c20-50 60-10 76-36s50-4 70-34"/>`],
  [/bag|pannier|pack|sack|roll/i, `
    <path class="heavy" d="M122 74c0-36 76-36 76 0"/><path class="fill-mid" d="M84 74h152l12 100a14 14 0 0 1-14 16H86a14 14 0 0 1-14-16z"/>
    <path class="fill-deep" d="M80 74h160l6 46H74z"/><path class="fill-pale" d="M108 104h16v34h-16zM196 104h16v34h-16z"/>`],
];
const WHEEL = `
    <circle class="thick" cx="160" cy="116" r="74"/><circle class="thin" cx="160" cy="116" r="60"/>
    <path class="thin" d="M160 42v148M86 116h148M108 64l104 104M212 64 108 168"/><circle class="fill-deep" cx="160" cy="116" r="15"/>`;

/** This markup contains only constants of this file and a number. */
function picture(product) {
  const hue = Number(product.hue) || 0;
  const drawing = ART.find(([words]) => words.test(`${product.id} ${product.name}`))?.[1] ?? WHEEL;
  const holder = element('div', { class: 'picture' });
  holder.style.setProperty('--hue', hue);
  holder.innerHTML = `<svg viewBox="0 0 320 220" aria-hidden="true" preserveAspectRatio="xMidYMid slice">
    <circle class="sun" cx="252" cy="58" r="30"/><path class="hill far" d="M0 150c60-50 120-44 176-10s104 6 144-18v98H0z"/>
    <path class="hill near" d="M0 186c70-28 140-22 200-8s90 4 120-6v48H0z"/><g class="item">${drawing}</g></svg>`;
  return holder;
}

function productCard(product) {
  const button = element('button', { type: 'button', class: 'button small', 'aria-label': `Add ${product.name} to the cart` }, 'Add to cart');
  button.addEventListener('click', () => addToCart(product, button));
  return element('li', { class: 'product' }, picture(product),
    element('div', { class: 'product-text' },
      element('h3', {}, product.name),
      element('p', { class: 'blurb' }, product.blurb),
      element('p', { class: 'buy' }, element('span', { class: 'price' }, money(product.price)), button)));
}

async function addToCart(product, button) {
  button.disabled = true;
  try {
    const basket = await post('/api/basket/items', { product_id: product.id, quantity: 1 });
    showCount(basket.count);
    toast(`${product.name} is in your cart. ${basket.count === 1 ? '1 item' : `${basket.count} items`} now.`);
    return basket;
  } catch (error) {
    toast(sentence(error));
    return null;
  } finally {
    button.disabled = false;
  }
}

async function showProducts() {
  const list = find('[data-products]');
  try {
    const products = await getJson('/api/products');
    list.replaceChildren(...products.map(productCard));
    return products;
  } catch (error) {
    list.replaceChildren(element('li', { class: 'empty' }, sentence(error)));
    return [];
  } finally {
    list.removeAttribute('aria-busy');
  }
}

// ---------------------------------------------------------------- cart

function cartTable(basket, refresh) {
  const rows = basket.items.map((item) => {
    const more = element('button', { type: 'button', class: 'step', 'aria-label': `One more ${item.name}` }, '+');
    more.addEventListener('click', async () => refresh(await addToCart({ id: item.product_id, name: item.name }, more)));
    return element('tr', {},
      element('th', { scope: 'row' }, item.name),
      element('td', { class: 'number' }, String(item.quantity), ' ', more),
      element('td', { class: 'number' }, money(item.price)),
      element('td', { class: 'number' }, money(item.price * item.quantity)));
  });
  const heads = ['Item', 'Quantity', 'Each', 'Together'].map((text, index) => element('th', { scope: 'col', class: index ? 'number' : null }, text));
  return element('table', {},
    element('caption', { class: 'unseen' }, 'What is in your cart'),
    element('thead', {}, element('tr', {}, ...heads)),
    element('tbody', {}, ...rows),
    element('tfoot', {}, element('tr', {}, element('th', { scope: 'row' }, 'Total'), element('td', { class: 'number total', colspan: 3 }, money(basket.total)))));
}

function showCart(basket) {
  const box = find('[data-cart]');
  const full = basket?.items?.length > 0;
  box.removeAttribute('aria-busy');
  find('[data-checkout]').hidden = !full;
  if (full) box.replaceChildren(cartTable(basket, (newer) => newer && showCart(newer)));
  else box.replaceChildren(element('p', { class: 'empty' }, 'Nothing in here yet. ', element('a', { href: '/' }, 'Find something for the next ride')));
}

// ---------------------------------------------------------------- login and logout

/** The path of `return_to` if it is on this site, else the start page. */
function safeReturn() {
  const path = new URLSearchParams(location.search).get('return_to') || '/';
  try {
    const target = new URL(path, location.origin);
    const isPath = path.startsWith('/') && !/^\/[/\\]/.test(path);
    return isPath && target.origin === location.origin ? target.pathname + target.search + target.hash : '/';
  } catch {
    return '/';
  }
}

function watchLogin() {
  const form = find('[data-login]');
  const submit = find('[type=submit]', form);
  form.elements.return_to.value = safeReturn();
  find('[data-fill]').addEventListener('click', () => {
    form.elements.username.value = 'jo@example.com';
    form.elements.password.value = 'Tandem-2026';
    submit.focus();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    submit.disabled = true;
    submit.textContent = 'Logging in…';
    try {
      const { username, password, remember_me: remember } = form.elements;
      await post('/bff/login', { username: username.value, password: password.value, remember_me: remember.checked });
      location.assign(safeReturn());
    } catch (error) {
      notice(sentence(error));
      submit.disabled = false;
      submit.textContent = 'Log in';
      form.elements.password.select();
    }
  });
  if (new URLSearchParams(location.search).get('error') === 'session_expired') notice(SENTENCES.session_expired, 'info');
}

function watchLogout() {
  for (const button of findAll('[data-log-out]')) {
    button.addEventListener('click', async () => {
      button.disabled = true;
      try {
        await post('/bff/logout');
        // A classic page may be the response to a form. A reload would send the form again.
        if (document.body.dataset.page === 'ecom') location.assign(find('.ecom-brand').href);
        else location.reload();
      } catch (error) {
        toast(sentence(error));
        button.disabled = false;
      }
    });
  }
}

function closeWhoOnOutsideClick() {
  const card = find('[data-who]');
  document.addEventListener('click', (event) => { if (!card.contains(event.target)) card.open = false; });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && card.open) {
      card.open = false;
      find('summary', card).focus();
    }
  });
}

// ---------------------------------------------------------------- pages

async function headPage() {
  closeWhoOnOutsideClick();
  const who = await whoAmI();
  showWho(who);
  await showTwin('head', who.me);
  return who;
}

const PAGES = {
  head: () => Promise.all([headPage(), showProducts()]),
  login: () => { watchLogin(); return headPage(); },
  cart: async () => showCart((await headPage()).me?.basket),
  ecom: () => {
    const customer = find('#ecom-customer');
    const own = { customer_id: customer.dataset.customerId, customer_type: customer.dataset.customerType, name: customer.textContent };
    return showTwin('ecom', own);
  },
};

const startPage = PAGES[document.body.dataset.page];
if (startPage) {
  document.body.classList.toggle('framed', window !== window.top);
  watchLogout();
  startPage();
}
