// Shows a form in somebody else's page:
//     <script async src="https://cultiva.example/embed.js" data-form="huerta/guia"></script>
// It stands in a shadow root, so that no style leaks in or out; needs of the page's policy only script-src and
// connect-src of our origin; sets no cookie and stores nothing. The form comes as a tree of elements, which is
// built one by one: no HTML is parsed, so Trusted Types have nothing to object.
import { behave } from './form-behaviour.js'

const script = document.currentScript
const base = new URL(script.src).origin
const CSS = fetch(base + '/static/cultiva/public.css').then((answer) => answer.text())
const SVG = 'http://www.w3.org/2000/svg'

const build = (node, namespace) => {
  if (typeof node === 'string') return document.createTextNode(node)
  const [tag, attributes, ...children] = node
  const space = tag === 'svg' ? SVG : namespace
  const element = space ? document.createElementNS(space, tag) : document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (/^on|^style$/.test(name)) continue
    const isLink = name === 'href' && !value.startsWith('#')
    if (isLink && !/^https?:/.test(new URL(value, base).protocol)) continue
    element.setAttribute(name, isLink ? new URL(value, base).href : value)
  }
  element.append(...children.map((child) => build(child, space)))
  return element
}

// The tracking script's cookie is there only after consent; with the site's write key it spares questions.
const visitor = (key) => key && (document.cookie.match(/(?:^|; )_cultiva_id=([\w-]{36})/) || [])[1]

const show = async (place, { form: key, lang }) => {
  const root = place.attachShadow({ mode: 'open' })
  const sheet = new CSSStyleSheet()
  sheet.replaceSync((await CSS).replace(/:root/g, ':host').replace('color-scheme: light dark', 'color-scheme: inherit').replace(/\bbody \{/g, '.embed {'))
  root.adoptedStyleSheets = [sheet]
  const address = new URL(`/f/${key}/data`, base)
  address.searchParams.set('draw', '1')
  if (lang) address.searchParams.set('lang', lang)
  const known = visitor(script.dataset.key)
  if (known) {
    address.searchParams.set('visitor', known)
    address.searchParams.set('key', script.dataset.key)
  }
  const call = async (options) => (await fetch(address, { credentials: 'omit', referrerPolicy: 'origin', ...options })).json()
  const draw = (tree, focus) => {
    const drawn = build(['div', { class: 'embedded' }, ...tree])
    root.replaceChildren(drawn)
    const form = drawn.querySelector('form')
    if (form) attend(form)
    if (focus) (drawn.querySelector('[autofocus]') || drawn).focus()
  }
  const attend = (form) => {
    form.dataset.base = base
    for (const each of form.querySelectorAll('[data-parameter]')) {
      each.value = new URLSearchParams(location.search).get(each.dataset.parameter) || each.value
    }
    const { ready } = behave(form)
    const button = form.querySelector('button[type=submit]')
    form.addEventListener('submit', async (event) => {
      event.preventDefault()
      if (button.disabled || !await ready()) return
      button.disabled = true
      const body = new FormData(form)
      body.set('page-url', location.href)
      body.set('came-from', document.referrer)
      try {
        const answer = await call({ method: 'POST', body })
        if (answer.redirect) return location.assign(answer.redirect)
        draw(answer.tree, true)
        if (answer.ok) place.dispatchEvent(new CustomEvent('cultiva:sent', { bubbles: true, composed: true, detail: { form: key } }))
      } catch {
        button.disabled = false
        const line = build(['p', { class: 'error', role: 'alert' }, form.dataset.failed])
        form.querySelector(':scope > .error')?.remove()
        button.before(line)
      }
    })
  }
  draw((await call()).tree)
}

const start = () => {
  const places = [...document.querySelectorAll('[data-cultiva-form]')]
  if (script.dataset.form) {
    const place = document.createElement('div')
    script.after(place)
    show(place, script.dataset).catch(() => {})
  }
  for (const place of places) show(place, { form: place.dataset.cultivaForm, lang: place.dataset.lang }).catch(() => {})
}
document.readyState === 'loading' ? addEventListener('DOMContentLoaded', start) : start()
