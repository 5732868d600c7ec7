// The consent banner, which t.js fetches where the source's snippet says `data-banner`. NOTICE is what the workspace
// published; the server writes it above this text. Nothing is kept in the browser before the visitor chooses; then the
// choice itself is. Refusing is as near as accepting: the same size, the same colour, the same place.
// What it shows and its settings: docs/reference/tracking-script.md
const CHOICE = '_cultiva_choice' // in localStorage, once somebody chose
const OPENERS = '[data-cultiva-consent],a[href="#cultiva-consent"]'
const DAY = 864e5
const STYLE = `
  :host { all: initial }
  section, .again { position: fixed; z-index: 2147483000; inset-inline-start: 1rem; bottom: 1rem; box-sizing: border-box;
    font: 16px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back); border: 1px solid var(--line);
    border-radius: 8px; box-shadow: 0 4px 24px #0003; text-align: start }
  section { inset-inline-end: 1rem; max-width: 28rem; max-height: calc(100vh - 2rem); overflow: auto; padding: 1.25rem }
  section.bottom { inset-inline: 0; bottom: 0; max-width: none; border-radius: 0; border-width: 1px 0 0 }
  section.bottom > div { max-width: 64rem; margin-inline: auto }
  section.center { inset: 0; margin: auto; height: fit-content }
  h2 { margin: 0 0 .5rem; font-size: 1.125rem; font-weight: 600 }
  p { margin: 0 0 1rem; white-space: pre-line }
  a { color: inherit }
  .choices { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center }
  .choices button { flex: 1 1 8rem; max-width: 16rem; min-height: 44px; padding: .5rem 1rem; font: inherit; font-weight: 600;
    color: var(--ink); background: var(--accent); border: 0; border-radius: 6px; cursor: pointer }
  .again { padding: .375rem .75rem; font-size: .875rem; cursor: pointer }
  button:focus-visible, a:focus-visible { outline: 3px solid var(--text); outline-offset: 2px }
  :host { --text: #1f2937; --back: #fff; --line: #d1d5db }
  :host(.dark) { --text: #f3f4f6; --back: #111827; --line: #4b5563 }
  @media (prefers-color-scheme: dark) { :host(.auto) { --text: #f3f4f6; --back: #111827; --line: #4b5563 } }
  @media (max-width: 30rem) { section { inset-inline: 0; bottom: 0; border-radius: 8px 8px 0 0 } }
  @media print { section, .again { display: none } }`

const api = window.cultiva
const wanted = [document.documentElement.lang, ...navigator.languages].map((each) => each.slice(0, 2).toLowerCase())
const language = wanted.find((each) => NOTICE.languages[each]) || Object.keys(NOTICE.languages)[0]
const words = NOTICE.languages[language]

const read = () => {
  try { return JSON.parse(localStorage[CHOICE]) } catch (error) { return null } // none yet, or not allowed to look
}
const write = (isGiven) => {
  try { localStorage[CHOICE] = JSON.stringify({ given: isGiven, at: Date.now(), version: NOTICE.version }) } catch (error) { /* asked again on the next page */ }
}
const hasCookie = () => {
  try { return /(^|; )_cultiva_id=/.test(document.cookie) } catch (error) { return false } // a page shut in a frame
}
// A choice lasts as long as the notice says; an acceptance whose cookie is gone is none.
const mustAsk = () => {
  const choice = read()
  if (!choice || !(Date.now() - choice.at < NOTICE.ask_again_after_months * 30.44 * DAY)) return !hasCookie()
  return choice.given && !hasCookie()
}

const made = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children)
  return element
}
const host = made('div', { id: 'cultiva-banner', className: NOTICE.theme, lang: language })
host.style.setProperty('--accent', NOTICE.colour)
host.style.setProperty('--ink', NOTICE.ink)
const root = host.attachShadow({ mode: 'open' })
const sheet = new CSSStyleSheet() // also where a site's policy allows no inline style
sheet.replaceSync(STYLE)
root.adoptedStyleSheets = [sheet]

let opener // what had the keyboard when somebody asked for the notice
const choose = (isGiven) => {
  const said = { notice: NOTICE.version, language, category: NOTICE.category }
  const wasGiven = hasCookie()
  write(isGiven)
  if (!isGiven) api.track(wasGiven ? 'Tracking Consent Withdrawn' : 'Tracking Consent Refused', said)
  api.consent(isGiven)
  if (isGiven && !wasGiven) api.track('Tracking Consent Given', said)
  close()
}
const close = () => {
  root.replaceChildren(...(NOTICE.reopens ? [made('button', { className: 'again', type: 'button', textContent: words.reopen, onclick: () => open() })] : []))
  opener?.focus?.()
  opener = undefined
}
const open = () => {
  opener = root.activeElement ? undefined : document.activeElement
  const choices = [[words.reject, false], [words.accept, true]].map(([text, isGiven]) =>
    made('button', { type: 'button', textContent: text, onclick: () => choose(isGiven) }))
  const more = words.policy_url ? [made('a', { href: words.policy_url, textContent: words.policy_label })] : []
  const box = made('section', { className: NOTICE.position, tabIndex: -1 },
    made('div', {}, made('h2', { id: 'title', textContent: words.title }), made('p', { id: 'text', textContent: words.text }),
      made('div', { className: 'choices' }, ...choices, ...more)))
  box.setAttribute('role', 'dialog')
  box.setAttribute('aria-labelledby', 'title')
  box.setAttribute('aria-describedby', 'text')
  box.onkeydown = ({ key }) => { if (key == 'Escape' && read()) close() }
  root.replaceChildren(box)
  return box
}

document.addEventListener('click', (event) => {
  if (!event.target.closest?.(OPENERS)) return
  event.preventDefault()
  open().focus()
})
const begin = () => {
  document.body.append(host)
  if (mustAsk()) open()
  else close()
}
if (document.body) begin()
else addEventListener('DOMContentLoaded', begin)
