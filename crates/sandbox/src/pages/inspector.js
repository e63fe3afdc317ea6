// The inspector: requests the state of both sessions once a second and draws it. It never receives a token or a cookie value.
import { element, find, findAll, getJson, post, sentence, short, span } from '/assets/app.js';

const POLL_EVERY = 1000;
const HOME = { head: '/', ecom: '/on/demandware.store/Sites-RefArch-Site/en_US/Home-Show' };

/** Full lengths of the four lifetimes, in seconds, for the rings. */
const DAY = 86400;
const LIFE = { idle: 1800, hard: 6 * 3600, guest: 30 * DAY, registered: 90 * DAY };

let latest = null;
let skew = 0; // seconds the server's clock is ahead of ours
let paused = false;
const faultsInFlight = new Set();

// ---------------------------------------------------------------- polling

async function poll() {
  if (paused || document.hidden) return;
  try {
    latest = await getJson('/inspector/state', AbortSignal.timeout?.(4000));
    keepTime(latest.now);
    draw(latest);
    showPulse('live', 'Live');
  } catch (error) {
    showPulse('lost', sentence(error));
  }
}

async function pollForever() {
  await poll();
  setTimeout(pollForever, POLL_EVERY);
}

/** The server returns whole seconds. A smaller correction of the estimate would only make the rings jitter. */
function keepTime(now) {
  const measured = now - Date.now() / 1000;
  if (Math.abs(measured - skew) > 1.5) skew = measured;
}

const serverNow = () => Date.now() / 1000 + skew;

function showPulse(state, text) {
  find('[data-pulse]').dataset.pulse = state;
  setText(find('[data-pulse-text]'), text);
}

/** Writes only changes, so that screen readers do not repeat the same text every second. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function draw(state) {
  drawVerdict(state);
  drawHead(state);
  drawEcom(state);
  tick();
  drawCookies(state.cookies);
  drawRequests(state.requests);
  drawFaults(state.faults);
}

// ---------------------------------------------------------------- do they agree?

const alive = (access, now) => Boolean(access) && access.expires_at > now;

/** [state of the page, word, sentence]. An expired side names no shopper, so it can be renewed but cannot disagree. */
function verdict({ access, refresh, dw_session: dw, agree }, now) {
  if (!access && !refresh && !dw) return ['none', 'NO SESSION', 'This browser has no session. Visit Head or ECOM to start one.'];
  const headWorks = alive(access, now);
  const ecomWorks = dw?.state === 'live';
  if (headWorks && ecomWorks && agree === false) return ['split', 'SPLIT', 'Head and ECOM name different shoppers.'];
  if (headWorks && ecomWorks) return ['agree', 'AGREE', 'Head and ECOM name the same shopper.'];
  if (!headWorks && refresh?.state !== 'live') return withoutRefreshToken(refresh);
  if (headWorks) return ['due', 'REPAIR DUE', 'There is no valid DW session. The next ECOM visit opens one.'];
  if (ecomWorks) return ['due', 'REPAIR DUE', 'There is no valid access token. The next visit refreshes it.'];
  return ['due', 'REPAIR DUE', 'There is no valid access token and no valid DW session. The next visit renews both.'];
}

/** There is no valid refresh token: a registered shopper must log in again, a guest gets a new session. */
function withoutRefreshToken(refresh) {
  if (refresh?.kind === 'registered') return ['due', 'LOGIN DUE', 'The refresh token is invalid. The next visit asks for a login.'];
  return ['due', 'NEW GUEST DUE', 'There is no valid refresh token. The next visit starts a guest session.'];
}

function drawVerdict(state) {
  const [kind, word, why] = verdict(state, serverNow());
  document.body.dataset.state = kind;
  setText(find('[data-verdict]'), word);
  setText(find('[data-verdict-why]'), why);
}

// ---------------------------------------------------------------- Head and ECOM

function drawHead({ access, refresh }) {
  const holds = alive(access, serverNow()) || refresh?.state === 'live';
  const who = holds ? access ?? { customer_type: refresh.kind } : null;
  drawWho('head', who, access?.login);
  drawLogin(who?.customer_type === 'registered');
  drawFacts('head', [['customer', access?.customer_id], ['usid', access?.usid], ['client', refresh?.client]]);
}

function drawEcom({ dw_session: dw, access }) {
  const who = dw?.state === 'live' ? dw : null;
  const sameLogin = who && access && access.customer_id === who.customer_id ? access.login : null;
  drawWho('ecom', who, sameLogin);
  drawFacts('ecom', [['customer', dw?.customer_id], ['session', dw?.state]]);
}

function drawWho(system, who, login) {
  const registered = who?.customer_type === 'registered';
  setName(find(`[data-name="${system}"]`), registered ? login || 'Logged in' : who ? 'Guest' : 'No session');
  const type = find(`[data-type="${system}"]`);
  type.dataset.kind = who ? who.customer_type : 'none';
  setText(type, registered ? 'registered shopper' : who ? 'guest shopper' : 'no valid credential');
}

function drawLogin(registered) {
  find('[data-log-in]').hidden = registered;
  find('[data-log-out]').hidden = !registered;
}

/** An e-mail address may break after its @ and nowhere else. */
function setName(node, name) {
  if (node.textContent === name) return;
  const [local, ...domain] = name.split(/(?<=@)/);
  node.replaceChildren(local, ...(domain.length ? [element('wbr'), ...domain] : []));
}

function drawFacts(system, facts) {
  const list = find(`[data-facts="${system}"]`);
  const known = facts.filter(([, value]) => value);
  const signature = JSON.stringify(known);
  if (list.dataset.signature === signature) return;
  list.dataset.signature = signature;
  list.replaceChildren(...known.map(([term, value]) => element('div', {}, element('dt', {}, term), element('dd', { title: value }, short(value)))));
}

// ---------------------------------------------------------------- lifetimes

function lifetimes({ access, refresh, dw_session: dw }, now) {
  const dwDead = dw && dw.state !== 'live' ? dw.state : null;
  const refreshDead = refresh && refresh.state !== 'live' ? refresh.state : null;
  return {
    access: life(access?.expires_at, now, access && access.expires_at - access.issued_at),
    refresh: life(refresh?.expires_at, now, LIFE[refresh?.kind], refreshDead),
    idle: life(dw?.idle_ends_at, now, LIFE.idle, dwDead),
    hard: life(dw?.hard_ends_at, now, LIFE.hard, dwDead),
  };
}

/** How to show a lifetime: the filled part of its ring (0 to 1) and the text. */
function life(endsAt, now, whole, dead = null) {
  if (dead) return { part: 0, text: dead, dead: true };
  if (!endsAt) return { part: 0, text: '–', dead: false };
  const left = endsAt - now;
  if (left <= 0) return { part: 0, text: 'expired', dead: true };
  return { part: Math.min(1, left / Math.max(whole || left, 1)), text: span(left), dead: false, low: left < 60 };
}

function tick() {
  if (!latest) return;
  const lives = lifetimes(latest, serverNow());
  for (const [name, { part, text, dead, low }] of Object.entries(lives)) {
    const ring = find(`[data-ring="${name}"]`);
    ring.style.setProperty('--part', (part * 100).toFixed(3));
    ring.classList.toggle('empty', part === 0);
    ring.classList.toggle('low', Boolean(low));
    setText(find(`[data-time="${name}"]`), text);
    find(`[data-life="${name}"]`).classList.toggle('dead', dead);
  }
  setHub('head', lives.access);
  setHub('ecom', lives.idle);
  findAll('[data-at]').forEach((node) => setText(node, ago(Number(node.dataset.at))));
}

function setHub(system, { text, dead }) {
  const hub = find(`[data-time="hub-${system}"]`);
  setText(hub, text);
  hub.classList.toggle('word', dead);
}

function ago(atMs) {
  const seconds = Math.max(0, Math.round(serverNow() - atMs / 1000));
  if (seconds < 3) return 'now';
  return seconds < 90 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

// ---------------------------------------------------------------- cookies

function drawCookies(cookies) {
  const body = find('[data-cookies]');
  const signature = JSON.stringify(cookies);
  if (body.dataset.signature === signature) return;
  body.dataset.signature = signature;
  const rows = cookies.map((cookie) => element('tr', {},
    element('th', { scope: 'row' }, element('code', {}, cookie.name)),
    element('td', {}, cookie.meaning),
    element('td', {}, element('span', { class: cookie.readable_by_scripts ? 'open' : 'closed' }, cookie.readable_by_scripts ? 'yes' : 'no, HttpOnly')),
    element('td', { class: 'number' }, cookie.bytes.toLocaleString('en-US'))));
  const nothing = element('tr', {}, element('td', { colspan: 4, class: 'empty' }, 'None yet.'));
  body.replaceChildren(...(rows.length ? rows : [nothing]));
  setText(find('[data-cookie-bytes]'), cookies.reduce((sum, cookie) => sum + cookie.bytes, 0).toLocaleString('en-US'));
  drawProof();
}

/** The cookies that this page's script can read now, as proof. */
function drawProof() {
  const seen = document.cookie.split('; ').filter(Boolean).map((pair) => pair.split('=')[0]);
  setText(find('[data-scripts-see]'), seen.length ? `Tried just now, this page’s own script can read only: ${seen.join(', ')}` : 'Tried just now, this page’s own script can read none of them.');
}

// ---------------------------------------------------------------- waterfall

const drawn = new Map(); // request id -> { signature, row }

function drawRequests(requests) {
  const list = find('[data-requests]');
  if (requests.length === 0) {
    drawn.clear();
    list.replaceChildren(element('li', { class: 'empty' }, 'Nothing yet. Visit Head or ECOM to see its upstream calls here.'));
    find('[data-scale]').replaceChildren();
    return;
  }
  const whole = wholeScale(requests);
  const rows = requests.map((request) => requestRow(request, whole));
  for (const id of drawn.keys()) if (!requests.some((request) => request.id === id)) drawn.delete(id);
  const unchanged = rows.length === list.children.length && rows.every((row, index) => list.children[index] === row);
  if (!unchanged) list.replaceChildren(...rows);
}

/** One scale for all rows, so that bars compare: the longest request, rounded up to a round number of milliseconds. */
function wholeScale(requests) {
  const longest = Math.max(...requests.flatMap((request) => request.calls.map((call) => call.start_ms + call.ms)), 20);
  const step = 10 ** Math.floor(Math.log10(longest));
  const whole = [1, 1.5, 2, 3, 4, 5, 8, 10].map((factor) => factor * step).find((size) => size >= longest);
  const scale = find('[data-scale]');
  if (scale.dataset.whole !== String(whole)) {
    scale.dataset.whole = whole;
    scale.replaceChildren(element('span', {}, '0'), element('span', {}, milliseconds(whole / 2)), element('span', {}, milliseconds(whole)));
  }
  return whole;
}

const milliseconds = (number) => (number >= 1000 ? `${+(number / 1000).toFixed(2)} s` : `${Math.round(number)} ms`);

function requestRow(request, whole) {
  const list = find('[data-requests]');
  const signature = JSON.stringify([request, whole]);
  const known = drawn.get(request.id);
  if (known?.signature === signature) return known.row;
  const isNews = !known && list.children.length > 0;
  const row = element('li', { class: isNews ? 'request fresh' : 'request' }, requestTitle(request), callBars(request.calls, whole));
  drawn.set(request.id, { signature, row });
  return row;
}

/** Whether a call renews or bridges the session. Serving the page does not. */
const isAuth = (call) => call.upstream === 'slas' || call.upstream === 'ocapi';

function requestTitle(request) {
  const authCalls = request.calls.filter(isAuth).length;
  const badge = request.calls.length === 0 ? '0 calls — warm'
    : authCalls === 0 ? '0 auth calls — warm'
      : authCalls === 1 ? '1 auth call' : `${authCalls} auth calls`;
  const [method, ...rest] = (request.what ?? guessRoute(request.calls)).split(' ');
  const path = rest.join(' ');
  return element('div', { class: 'request-title' },
    element('span', { class: 'what', title: request.what }, element('b', {}, method), ' ', path.replace(/^\/on\/demandware\.store\/[^/]+\/[^/]+/, '…')),
    element('span', { class: 'when', 'data-at': request.at_ms }, ago(request.at_ms)),
    element('span', { class: authCalls === 0 ? 'badge warm' : 'badge' }, badge));
}

/** The BFF's own routes reach no page, so their calls show which route it was. */
function guessRoute(calls) {
  const operations = calls.map((call) => call.operation).join(' ');
  if (/logout/.test(operations)) return 'BFF logout';
  if (/login/.test(operations)) return 'BFF login';
  return 'BFF route';
}

function callBars(calls, whole) {
  return element('ul', { class: 'calls' }, ...calls.map((call) => {
    const failed = call.status >= 400 ? ' failed' : '';
    const bar = element('span', { class: `bar ${call.upstream}${failed}` });
    bar.style.setProperty('--start', (100 * call.start_ms) / whole);
    bar.style.setProperty('--width', (100 * call.ms) / whole);
    const operation = call.operation.replace(new RegExp(`^${call.upstream}[. ]`), '');
    return element('li', {},
      element('span', { class: 'operation', title: `${call.upstream} ${operation}` }, element('i', { class: `dot ${call.upstream}` }), element('b', {}, call.upstream), ` ${operation}`),
      element('span', { class: 'track' }, bar),
      element('span', { class: `status${failed}`, title: call.status ? null : 'no response yet, or it was lost' }, String(call.status ?? '…')),
      element('span', { class: 'took' }, milliseconds(call.ms)));
  }));
}

// ---------------------------------------------------------------- breaking things

const BROKEN = {
  'expire-access': 'The access token has expired. Visit Head: one token refresh.',
  'expire-dw': 'The DW session has expired. Without Tandem, ECOM would silently open a guest session. Visit ECOM.',
  both: 'Access token and DW session have expired. Visit ECOM: one refresh, one bridge.',
  'revoke-refresh': 'The refresh token is revoked. This has no effect until the access token expires: expire it and visit Head.',
};

/** What must exist before it can be broken. */
const NEEDS = {
  'expire-access': (state) => state.access,
  'expire-dw': (state) => state.dw_session,
  both: (state) => state.access && state.dw_session,
  'revoke-refresh': (state) => state.refresh,
};

async function breakIt(what, button) {
  if (latest && !NEEDS[what](latest)) return showMessage('There is nothing to break yet. Visit Head or ECOM first.', true);
  button.disabled = true;
  try {
    const steps = what === 'both' ? ['expire-dw', 'expire-access'] : [what];
    for (const step of steps) await post(`/inspector/${step}`);
    showMessage(BROKEN[what]);
    await poll();
  } catch (error) {
    showMessage(sentence(error), true);
  } finally {
    button.disabled = false;
  }
}

function showMessage(text, failed = false) {
  const message = find('[data-message]');
  message.classList.toggle('failed', failed);
  message.textContent = text;
}

function drawFaults(faults) {
  for (const [upstream, kind] of Object.entries(faults ?? {})) {
    if (faultsInFlight.has(upstream)) continue;
    const choice = find(`[name="fault-${upstream}"][value="${kind}"]`);
    if (choice && !choice.checked) choice.checked = true;
  }
}

const SYSTEM = { none: 'is healthy again.', slow: 'now takes 2.5 seconds longer to respond.', fail: 'now responds to everything with 503.' };
const FAULTED = {
  refresh: { none: 'SLAS grants refreshes again.', locked: 'SLAS now rejects every refresh: 403, "Customer account is locked."', client: 'SLAS now rejects every refresh: 400, "invalid client_id".' },
  tokens: { none: 'New access tokens have a typical length again.', long: 'New access tokens are now longer than a cookie may be.', unusable: 'New access tokens are now longer than the headers of a request may be.' },
};
const faulted = (part, kind) => FAULTED[part]?.[kind] ?? `${part.toUpperCase()} ${SYSTEM[kind]}`;

async function setFault(upstream, kind) {
  faultsInFlight.add(upstream);
  try {
    await post('/inspector/fault', { upstream, kind });
    showMessage(faulted(upstream, kind));
  } catch (error) {
    showMessage(sentence(error), true);
  } finally {
    faultsInFlight.delete(upstream);
  }
}

// ---------------------------------------------------------------- visiting

function visit(system) {
  const screen = find(`[data-frame="${system}"] .screen`);
  const started = performance.now();
  const frame = element('iframe', { title: system === 'head' ? 'The Head, live' : 'An ECOM page, live' });
  frame.addEventListener('load', () => { visited(system, frame, performance.now() - started); });
  frame.src = HOME[system];
  screen.replaceChildren(frame);
  screen.classList.add('visited');
  setText(find(`[data-frame-status="${system}"]`), 'visiting…');
  showMessage(`Visiting ${system === 'head' ? 'Head' : 'ECOM'}…`);
}

async function visited(system, frame, took) {
  const result = describePage(frame);
  setText(find(`[data-frame-status="${system}"]`), `${result} · ${milliseconds(took)}`);
  await poll();
  const word = find('[data-verdict]').textContent.toLowerCase();
  showMessage(`${system === 'head' ? 'Head' : 'ECOM'} ${result}, after ${milliseconds(took)}. Verdict: ${word}. ${await notice()}`);
}

/** What Tandem reports to the Head's scripts besides the session. */
async function notice() {
  try {
    const session = await getJson('/bff/session');
    if (session.unavailable) return 'Tokens are not available now; the next page tries again.';
    if (session.session_expired) return 'The shopper is told that the session has expired.';
  } catch { /* The verdict says enough. */ }
  return '';
}

/** The result of a visit, read from the page itself. */
function describePage(frame) {
  try {
    const [navigation] = frame.contentWindow.performance.getEntriesByType('navigation');
    if (frame.contentWindow.location.pathname.startsWith('/login')) return 'asks you to log in';
    if (navigation?.responseStatus >= 400) return `responded with status ${navigation.responseStatus}`;
    const customer = frame.contentDocument.getElementById('ecom-customer');
    return customer ? `says you are ${customer.textContent.trim()} (${customer.dataset.customerType})` : 'responded';
  } catch {
    return 'responded';
  }
}

// ---------------------------------------------------------------- start

async function logOut(button) {
  button.disabled = true;
  try {
    await post('/bff/logout');
    showMessage('Logged out. Both sessions have ended.');
    await poll();
  } catch (error) {
    showMessage(sentence(error), true);
  } finally {
    button.disabled = false;
  }
}

function pause(button) {
  paused = !paused;
  button.setAttribute('aria-pressed', String(paused));
  showPulse(paused ? 'paused' : 'live', paused ? 'Paused' : 'Live');
  poll();
}

findAll('[data-break]').forEach((button) => button.addEventListener('click', () => breakIt(button.dataset.break, button)));
findAll('[data-fault]').forEach((group) => group.addEventListener('change', (event) => setFault(group.dataset.fault, event.target.value)));
find('[data-pause]').addEventListener('click', (event) => pause(event.currentTarget));
document.addEventListener('click', (event) => {
  const button = event.target.closest?.('[data-visit]');
  if (button) visit(button.dataset.visit);
});
find('[data-log-out]').addEventListener('click', (event) => logOut(event.currentTarget));
document.addEventListener('visibilitychange', poll);
setInterval(tick, 250);
pollForever();
