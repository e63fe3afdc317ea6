// Shops by commerce-sdk-isomorphic through Tandem: guest, product, basket, login, refresh, logout.
//
// node shop.mjs ORIGIN private|public CLIENT_ID ORGANIZATION SITE LOGIN PASSWORD
// prints one line per step and exits at the first failed expectation.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Browser } from './browser.mjs';

// Node loads the SDK's ES module as CommonJS: its package has no "type".
const sdk = createRequire(import.meta.url)('commerce-sdk-isomorphic');

const [origin, client, clientId, organizationId, siteId, username, password] = process.argv.slice(2);
const isPrivate = client === 'private';
const redirectURI = `${origin}/callback`;
// In private mode a storefront has no secret; the SDK wants one, so it sends a placeholder.
const credentials = isPrivate ? { clientSecret: '_PLACEHOLDER_PROXY-PWA_KIT_SECRET_PLACEHOLDER' } : {};
const parameters = { clientId, organizationId, siteId, shortCode: 'zzte-053' };

const browser = new Browser(origin);
const headers = { 'x-site-id': siteId };
const throwOnBadResponse = true;
const slasProxy = `${origin}/mobify/slas/${client}`;
const apiProxy = `${origin}/mobify/proxy/api`;
const inBrowser = { parameters, headers, throwOnBadResponse, fetch: browser.fetch };
const onServer = { parameters, headers, throwOnBadResponse };

const slasClient = new sdk.ShopperLogin({ ...inBrowser, proxy: slasProxy });
const products = new sdk.ShopperProducts({ ...inBrowser, proxy: apiProxy });
const baskets = new sdk.ShopperBaskets({ ...inBrowser, proxy: apiProxy });

const enableHttpOnlySessionCookies = true;
const cookie = (name) => browser.value(`${name}_${siteId}`);

// A storefront may see everything of a token response but the tokens.
function isSealed(type) {
  assert.ok(cookie('cc-at'), 'there is an access token');
  assert.equal(cookie('customer_type'), type);
  assert.ok(Number(cookie('cc-at-expires')) > Date.now() / 1000, 'and scripts can read when it expires');
  assert.ok(cookie(type === 'guest' ? 'cc-nx-g' : 'cc-nx'), 'there is a refresh token');
  assert.equal(cookie(type === 'guest' ? 'cc-nx' : 'cc-nx-g'), undefined, 'and only one');
  for (const secret of [cookie('cc-at'), cookie('cc-nx') ?? cookie('cc-nx-g')]) {
    assert.ok(!browser.readable().includes(secret), 'no script can read it');
  }
}

async function lastBodyIsSealed() {
  const body = await browser.last.json();
  assert.equal(body.access_token, undefined);
  assert.equal(body.refresh_token, undefined);
  return body;
}

const guestArguments = (slas) => ({
  slasClient: slas, credentials, parameters: { redirectURI }, enableHttpOnlySessionCookies,
});
const guest = (slas) => isPrivate
  ? sdk.helpers.loginGuestUserPrivate(guestArguments(slas))
  : sdk.helpers.loginGuestUser(guestArguments(slas));

const login = (slas, usid) => sdk.helpers.loginRegisteredUserB2C({
  slasClient: slas,
  credentials: { username, password, ...credentials },
  parameters: { redirectURI, usid },
  enableHttpOnlySessionCookies,
});

async function refresh() {
  const signalling = { ...inBrowser.headers, 'x-grant-type': 'refresh_token' };
  const slas = new sdk.ShopperLogin({ ...inBrowser, headers: signalling, proxy: slasProxy });
  return sdk.helpers.refreshAccessToken({
    slasClient: slas, credentials, parameters: { refreshToken: '' }, enableHttpOnlySessionCookies,
  });
}

async function refused(call, status) {
  const error = await call().then(() => assert.fail('the call succeeded'), (thrown) => thrown);
  assert.equal(error.response?.status, status, error.message);
  return error.response.json();
}

const product = (api, more = {}) => api.getProduct({ parameters: { id: 'bell-brass' }, ...more });

const steps = {
  'a server that renders pages gets all tokens and no cookies': async () => {
    const slas = new sdk.ShopperLogin({ ...onServer, proxy: slasProxy });
    const tokens = await guest(slas);
    assert.ok(tokens.access_token && tokens.refresh_token && tokens.usid);
    const api = new sdk.ShopperProducts({ ...onServer, proxy: apiProxy });
    const bearer = { headers: { Authorization: `Bearer ${tokens.access_token}` } };
    assert.equal((await product(api, bearer)).id, 'bell-brass');
  },
  'without a token an API responds as the SDK expects': async () => {
    assert.equal((await refused(() => product(products), 400)).message, 'access_token_cookie_missing');
    assert.equal((await refused(refresh, 401)).message, 'invalid refresh_token');
  },
  'a guest gets tokens that no script can read': async () => {
    await guest(slasClient);
    isSealed('guest');
    const body = await lastBodyIsSealed();
    assert.equal(body.usid, cookie('usid'));
    assert.equal(body.customer_id, cookie('customer_id'));
  },
  'a product is found': async () => {
    assert.equal((await product(products)).id, 'bell-brass');
  },
  'an item is added to a basket': async () => {
    const { basketId } = await baskets.createBasket({ body: {} });
    const items = [{ productId: 'bell-brass', quantity: 2 }];
    const basket = await baskets.addItemToBasket({ parameters: { basketId }, body: items });
    assert.equal(basket.productItems[0].quantity, 2);
  },
  'the shopper logs in and keeps the usid': async () => {
    const usid = cookie('usid');
    await login(slasClient, usid);
    isSealed('registered');
    await lastBodyIsSealed();
    assert.equal(cookie('usid'), usid);
    assert.equal(browser.value('dwsid'), undefined, "the guest's DW session is gone");
  },
  "the guest's basket is merged": async () => {
    const merged = await baskets.mergeBasket({
      parameters: { createDestinationBasket: true },
      headers: { 'Content-Type': 'application/json' },
    });
    assert.equal(merged.productItems[0].productId, 'bell-brass');
  },
  'the cookie refreshes the tokens': async () => {
    const before = cookie('cc-at');
    await refresh();
    isSealed('registered');
    await lastBodyIsSealed();
    assert.notEqual(cookie('cc-at'), before);
  },
  'a wrong password changes no cookie': async () => {
    const before = JSON.stringify([...browser.cookies]);
    const credentialsNow = { username, password: 'wrong', ...credentials };
    const call = () => sdk.helpers.loginRegisteredUserB2C({
      slasClient, credentials: credentialsNow, parameters: { redirectURI }, enableHttpOnlySessionCookies,
    });
    await refused(call, 401);
    assert.equal(JSON.stringify([...browser.cookies]), before);
  },
  'a logout deletes every cookie': async () => {
    await sdk.helpers.logout({
      slasClient, parameters: { accessToken: cookie('cc-at') ? undefined : '', refreshToken: '' },
    });
    for (const name of ['cc-at', 'cc-nx', 'cc-nx-g', 'usid', 'customer_id', 'customer_type']) {
      assert.equal(cookie(name), undefined, name);
    }
    assert.equal((await refused(refresh, 401)).message, 'invalid refresh_token');
  },
  'another guest gets tokens': async () => {
    await guest(slasClient);
    isSealed('guest');
    assert.equal((await product(products)).id, 'bell-brass');
  },
};

for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
  } catch (error) {
    const body = await error.response?.clone().text().catch(() => '');
    console.error(`FAILED  ${name}\n${error.stack}\n${body ?? ''}`);
    process.exit(1);
  }
  console.log(`ok  ${name}`);
}
