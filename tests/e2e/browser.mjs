// A person at a browser without JavaScript: cookies, redirects, and forms filled in as the pages offer them.
import { once } from 'node:events'
import { createServer } from 'node:http'

const STEPS_MAX = 12

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decode(text) {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name) return ENTITIES[name] ?? whole
    return String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal))
  })
}

function attributes(tag) {
  const found = tag.matchAll(/\s([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)
  return Object.fromEntries(
    [...found].map(([, name, ...values]) => [name.toLowerCase(), decode(values.find((v) => v !== undefined) ?? '')]),
  )
}

/** The forms of a page: where they go, and their fields and buttons in order. */
function forms(page) {
  return [...page.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/gi)].map(([form]) => {
    const { action, method } = attributes(form.slice(0, form.indexOf('>') + 1))
    const controls = [...form.matchAll(/<(?:input|button)\b[^>]*>/gi)].map(([tag]) => attributes(tag))
    return { action, method: (method ?? 'get').toUpperCase(), controls: controls.filter((control) => control.name) }
  })
}

const isPassword = (control) => control.type === 'password'
const isDecision = (control) => control.name === 'decision'

export class Browser {
  cookies = []
  url = undefined
  status = undefined
  page = ''

  constructor(person) {
    this.person = person
  }

  keepCookies(url, headers) {
    for (const line of headers.getSetCookie()) {
      const [pair, ...rest] = line.split(';').map((part) => part.trim())
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
      const details = Object.fromEntries(rest.map((part) => part.split('=')).map(([key, text]) => [key.toLowerCase(), text ?? '']))
      const path = details.path ?? '/'
      this.cookies = this.cookies.filter((cookie) => cookie.name !== name || cookie.path !== path || cookie.origin !== url.origin)
      if (details['max-age'] !== '0') this.cookies.push({ name, value, path, origin: url.origin })
    }
  }

  cookiesFor(url) {
    const fits = ({ origin, path }) =>
      origin === url.origin && (url.pathname === path || url.pathname.startsWith(path.replace(/\/?$/, '/')))
    return this.cookies
      .filter(fits)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }

  /** One request and every redirect after it. */
  async open(target, init = {}) {
    let url = new URL(target, this.url)
    for (let step = 0; step < STEPS_MAX; step++) {
      const response = await fetch(url, { ...init, redirect: 'manual', headers: { ...init.headers, cookie: this.cookiesFor(url) } })
      this.keepCookies(url, response.headers)
      this.url = url
      this.status = response.status
      this.page = await response.text()
      const location = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || location === null) return
      url = new URL(location, url)
      init = {}
    }
    throw new Error(`more than ${STEPS_MAX} redirects, the last to ${url.origin}${url.pathname}`)
  }

  /** Sends the form that has such a control: its hidden fields, what the person types, and the button that is pressed. */
  async submit(has, typed) {
    const form = forms(this.page).find(({ controls }) => controls.some(has))
    const hidden = form.controls.filter((control) => control.type === 'hidden').map(({ name, value }) => [name, value ?? ''])
    const body = new URLSearchParams([...hidden, ...Object.entries(typed)])
    const origin = this.url.origin
    await this.open(form.action || this.url.href, { method: form.method, body, headers: { origin } })
  }

  shows(control) {
    return forms(this.page).some(({ controls }) => controls.some(control))
  }

  /** Follows an authorization request to its end: logs in when asked, approves when asked. The callback's parameters, and the pages seen. */
  async authorize(url, redirectUri) {
    const seen = []
    await this.open(url)
    for (let step = 0; step < STEPS_MAX && !this.url.href.startsWith(redirectUri); step++) {
      if (this.shows(isPassword)) {
        seen.push('login')
        await this.submit(isPassword, this.person)
      } else if (this.shows(isDecision)) {
        seen.push('consent')
        this.consentPage = this.page
        await this.submit(isDecision, { decision: 'allow' })
      } else {
        throw new Error(`${this.status}: a page with nothing to do at ${this.url.pathname}`)
      }
    }
    return { parameters: this.url.searchParams, seen }
  }
}

/** Where a client on this machine is called back: a listener on the loopback interface (RFC 8252 §7.3). */
export async function listenForCallback() {
  const server = createServer((_request, response) => response.end('You may close this window.'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    redirectUri: `http://127.0.0.1:${server.address().port}/callback`,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
