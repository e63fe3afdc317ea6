// A fetch with a cookie jar, with the headers of a browser.

export class Browser {
  constructor(origin) {
    this.origin = origin;
    this.cookies = new Map();
    this.fetch = this.fetch.bind(this);
  }

  // The SDK's fetch in a page: same origin, with cookies. The SDK handles redirects itself.
  async fetch(url, options = {}) {
    const headers = new Headers(options.headers);
    headers.set('origin', this.origin);
    headers.set('sec-fetch-site', 'same-origin');
    headers.set('user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0');
    if (this.cookies.size > 0) {
      const pairs = [...this.cookies].map(([name, { value }]) => `${name}=${value}`);
      headers.set('cookie', pairs.join('; '));
    }
    const response = await fetch(url, { redirect: 'manual', ...options, headers });
    this.last = response.clone();
    for (const line of response.headers.getSetCookie()) this.take(line);
    return response;
  }

  take(line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const of = (wanted) => {
      const found = attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`));
      return found?.slice(wanted.length + 1);
    };
    const expires = of('expires');
    const deleted = of('max-age') === '0' || (expires && Date.parse(expires) <= Date.now());
    if (deleted || value === '') this.cookies.delete(name);
    else this.cookies.set(name, { value, httpOnly: attributes.includes('HttpOnly') });
  }

  value(name) {
    return this.cookies.get(name)?.value;
  }

  // document.cookie
  readable() {
    return [...this.cookies].filter(([, { httpOnly }]) => !httpOnly).map(([, { value }]) => value);
  }
}
