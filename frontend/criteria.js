// The screen component that builds criteria: <criteria-builder> around the text area of a form. The text area stays
// what is sent; this reads it, shows it as nested groups, and writes it anew at every change. Words, attributes, events
// and kinds of conditions come from the server (cultiva/web/vocabulary.py), and so does what a text means, who is
// meant, and what is wrong with it. No eval, no style, no library; menus are Tabler's.
//
// A node is {id, not, op: 'all' | 'any', nodes} or {id, not, body}: `not` counts how often it is turned round, `body` is
// a condition as the document has it. The root is always a group; `bare`: one condition alone is written without it.
(() => {
  if (customElements.get('criteria-builder')) return

  const MOST_CHARACTERS = 200000 // cultiva/web/criteria_text.py
  const MOST_CHIPS = 20
  const MOST_SUGGESTED = 12
  const MANY = 60 // conditions: beyond, lists of choices are filled when they are opened
  const MOST_UNDONE = 50
  const DEBOUNCE_MS = 350
  const BUSY_MS = 700
  const NUMBER = /^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/
  const EVENT_KEYS = ['event', 'where', 'distinct', 'sum', 'max', 'times', 'gt', 'gte', 'lt', 'lte', 'between', 'within_days', 'between_dates', 'since']
  const FIGURES = ['gte', 'gt', 'lte', 'lt', 'between']
  const MEASURES = ['distinct', 'sum', 'max']
  const WINDOWS = ['within_days', 'between_dates', 'since']

  const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)
  const only = (document, key) => isObject(document) && key in document && Object.keys(document).length === 1
  const isBlank = (value) => value === undefined || value === null || value === '' || Array.isArray(value) && !value.length
  let lastId = 0

  // Documents

  const read = (document) => {
    let not = 0
    for (; only(document, 'not'); document = document.not) not++
    const op = ['all', 'any'].find((key) => only(document, key) && Array.isArray(document[key]))
    return op ? { id: ++lastId, not, op, nodes: document[op].map(read) } : { id: ++lastId, not, body: document }
  }
  const readRoot = (document) => {
    const node = read(document)
    return node.nodes ? node : { id: ++lastId, not: 0, op: 'all', nodes: [node], bare: true }
  }
  const emptyRoot = () => ({ id: ++lastId, not: 0, op: 'all', nodes: [], bare: true })
  const isBare = (node) => node.bare && node.nodes.length === 1 && node.op === 'all' && !node.not
  const write = (node) => {
    if (isBare(node)) return write(node.nodes[0])
    let document = node.nodes ? { [node.op]: node.nodes.map(write) } : node.body
    for (let n = 0; n < node.not; n++) document = { not: document }
    return document
  }
  const writeRoot = (root) => root.bare && !root.nodes.length ? undefined : write(root)

  // [node, its place as the server's problems name it, its parent], from the root down
  const walk = function * (node, place = 'criteria', parent = null) {
    const inner = isBare(node) ? place : place + '.not'.repeat(node.not)
    yield [node, place, parent]
    for (const [n, child] of (node.nodes ?? []).entries()) yield * walk(child, isBare(node) ? place : `${inner}.${node.op}[${n}]`, node)
  }

  // YAML as people write it: groups in lines, a condition in one, unless it holds a long list
  const PLAIN = /^[\p{L}_/][\p{L}\d_/.@+-]*( [\p{L}\d_/.@+-]+)*$/u
  const WORD = /^(true|false|null|yes|no|on|off|y|n)$/i
  const scalar = (value) => typeof value === 'string' && PLAIN.test(value) && !WORD.test(value) ? value : JSON.stringify(value) ?? 'null'
  const flow = (value) => {
    if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
    return isObject(value) ? `{${Object.entries(value).map(([key, each]) => `${scalar(key)}: ${flow(each)}`).join(', ')}}` : scalar(value)
  }
  const yaml = (document, pad = '') => {
    const op = ['all', 'any'].find((key) => only(document, key) && Array.isArray(document[key]))
    if (op) return `${op}:` + (document[op].map((each) => `\n${pad}  - ${yaml(each, pad + '    ')}`).join('') || ' []')
    if (only(document, 'not')) {
      const inner = yaml(document.not, pad + '  ')
      return inner.includes('\n') ? `not:\n${pad}  ${inner}` : `not: ${inner}`
    }
    const line = flow(document)
    if (line.length < 120 || !isObject(document)) return line
    return Object.entries(document).map(([key, value]) => Array.isArray(value)
      ? `${scalar(key)}:` + value.map((each) => `\n${pad}  - ${flow(each)}`).join('')
      : `${scalar(key)}: ${flow(value)}`).join(`\n${pad}`)
  }

  // Several values in one text: a line each, or with commas; of addresses, whatever stands around them falls off
  const split = (text, isByLine) => {
    const parts = text.split(isByLine && !text.includes('@') ? /[\r\n]+/ : /[\r\n\t;,]+/).map((each) => each.trim()).filter(Boolean)
    const addresses = parts.map((each) => each.match(/[^\s<>()"']+@[^\s<>()"']+/g) ?? [])
    return parts.length && addresses.every((found) => found.length) ? addresses.flat() : parts
  }

  // Elements

  const h = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
      else if (name === 'value' || name === 'checked' || name === 'disabled') element[name] = value
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? '' : value)
    }
    element.append(...children.flat(9).filter((child) => child || child === 0))
    return element
  }

  class CriteriaBuilder extends HTMLElement {
    connectedCallback () {
      if (this.area) return
      this.area = this.querySelector('textarea')
      if (!this.area || this.area.disabled) return
      this.begin()
    }

    async begin () {
      this.undone = [] // documents before each change, newest last
      this.touched = new Set() // nodes that were left once: what is missing in them is told
      this.cache = new Map()
      this.open = new Set() // lists that are edited as text
      this.problems = []
      try {
        const [words, first] = await Promise.all([
          this.get(''), this.area.value.trim() ? this.post({ criteria: this.area.value, count: '' }) : {}
        ])
        this.words = words
        this.t = words.texts
        this.problems = first.problems ?? []
        this.root = first.document ? readRoot(first.document) : emptyRoot()
        this.isBroken = Boolean(this.area.value.trim() && !first.document)
      } catch { return } // the text area works alone
      for (const [node] of walk(this.root)) this.touched.add(node.id)
      this.number = new Intl.NumberFormat(document.documentElement.lang)
      this.build()
      this.draw()
      this.show(this.isBroken ? 'yaml' : 'build')
      this.ask(0)
    }

    async get (query) {
      const answer = await fetch(this.getAttribute('vocabulary') + query, { headers: { Accept: 'application/json' } })
      if (!answer.ok) throw new Error(answer.status)
      return answer.json()
    }

    async post (body, signal) {
      const answer = await fetch(this.getAttribute('preview'), {
        method: 'POST', signal, body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json', 'X-CSRFToken': this.token }
      })
      if (!(answer.headers.get('Content-Type') ?? '').startsWith('application/json')) throw new Error(answer.status)
      return answer.json()
    }

    // Whether the form around it leaves out who accepted no data-protection policy
    get onlyValid () { return Boolean(this.closest('form')?.elements.takes_only_valid?.checked) }

    get token () {
      const headers = document.body.getAttribute('hx-headers:inherited')
      return this.closest('form')?.querySelector('[name=csrfmiddlewaretoken]')?.value ?? (headers ? JSON.parse(headers)['X-CSRFToken'] : '')
    }

    // What was seen of one attribute, event or property; asked for once
    seen (query, key) {
      if (!this.cache.has(query)) this.cache.set(query, this.get(query).then((found) => found[key], () => []))
      return this.cache.get(query)
    }

    say (key, values = {}) { return this.t[key].replace(/\{(\w+)\}/g, (_all, name) => values[name]) }
    speak (text) { document.getElementById('spoken')?.replaceChildren(text) }

    icon (name) {
      const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
      const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
      use.setAttribute('href', `${this.getAttribute('icons')}#${name}`)
      for (const [key, value] of Object.entries({ class: 'icon', width: 20, height: 20, 'aria-hidden': 'true', focusable: 'false' })) svg.setAttribute(key, value)
      svg.append(use)
      return svg
    }

    // The frame: three views of one document, and who is meant

    build () {
      const written = this.querySelector('[data-text]')
      const label = written.querySelector('label')
      const name = this.id || (this.id = `criteria-${++lastId}`)
      const hint = `${name}-hint`
      this.views = {
        build: h('div', { class: 'criteria-build' }),
        words: h('p', { class: 'criteria-words' }),
        yaml: h('div', {}, h('div', { class: 'criteria-problems' }), written)
      }
      this.tabs = Object.fromEntries(Object.keys(this.views).map((key) => [key, h('button', {
        type: 'button', class: 'nav-link', role: 'tab', id: `${name}-tab-${key}`, 'aria-controls': `${name}-${key}`,
        onclick: () => this.show(key), onkeydown: (event) => this.walkTabs(event, key)
      }, this.t[`view_${key}`])]))
      for (const [key, view] of Object.entries(this.views)) {
        for (const [attribute, value] of Object.entries({ id: `${name}-${key}`, role: 'tabpanel', 'aria-labelledby': `${name}-tab-${key}` })) view.setAttribute(attribute, value)
      }
      this.views.words.tabIndex = 0
      label.classList.add('visually-hidden')
      this.area.required = false // it may be hidden: the server asks for it
      this.area.addEventListener('input', () => this.typed())
      this.closest('form')?.elements.takes_only_valid?.addEventListener('change', () => this.ask(0))
      this.count = h('p', { class: 'criteria-count', role: 'status' })
      this.sample = h('div', { class: 'criteria-sample' })
      this.undo = h('button', { type: 'button', class: 'btn btn-sm btn-ghost-secondary', 'data-key': 'undo', onclick: () => this.goBack() }, this.icon('arrow-back-up'), ' ', this.t.undo)
      this.append(
        h('div', { class: 'criteria-head' },
          h('div', { class: label.className.replace('visually-hidden', '') }, label.textContent),
          h('div', { class: 'criteria-tabs nav nav-underline', role: 'tablist', 'aria-label': this.t.views }, Object.values(this.tabs)),
          this.undo),
        ...Object.values(this.views),
        h('p', { class: 'visually-hidden', id: hint }, this.t.keys_hint),
        h('div', { class: 'criteria-who' }, this.count, this.sample)
      )
      this.views.build.addEventListener('focusout', (event) => {
        const node = event.target.closest('[data-node]')
        if (this.isDrawing || !node || node.contains(event.relatedTarget)) return
        this.touched.add(Number(node.dataset.node))
        this.showProblems()
      })
      this.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' && event.target.matches('input')) event.preventDefault() // it would send the form
        if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'z' && !event.target.matches('input, textarea')) {
          event.preventDefault()
          this.goBack()
        }
      })
      this.closest('form')?.addEventListener('submit', (event) => {
        for (const [node] of walk(this.root)) this.touched.add(node.id)
        this.showProblems()
        if (this.area.value.length <= MOST_CHARACTERS) return
        event.preventDefault()
        this.count.replaceChildren(this.t.too_long)
      })
    }

    show (wanted) {
      if (wanted !== 'yaml' && this.isBroken) {
        this.wanted = wanted // shown as soon as the server has read the text
        if (this.view === 'yaml') this.ask(0)
        wanted = 'yaml'
      }
      if (this.view === 'yaml' && wanted === 'build') this.draw()
      this.view = wanted
      for (const [key, view] of Object.entries(this.views)) {
        view.hidden = key !== wanted
        this.tabs[key].classList.toggle('active', key === wanted)
        this.tabs[key].setAttribute('aria-selected', key === wanted)
        this.tabs[key].tabIndex = key === wanted ? 0 : -1
      }
      this.showProblems()
    }

    walkTabs (event, key) {
      const keys = Object.keys(this.tabs)
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
      if (!step) return
      event.preventDefault()
      this.show(keys[(keys.indexOf(key) + step + keys.length) % keys.length])
      this.tabs[this.view].focus()
    }

    // Changes

    // `part`: what is typed into one field again and again is one change to undo
    change (act, { part, focus, said, isLater } = {}) {
      if (!part || part !== this.lastPart) {
        this.undone.push(structuredClone(this.root))
        if (this.undone.length > MOST_UNDONE) this.undone.shift()
      }
      this.lastPart = part
      act()
      this.save()
      if (isLater) this.drawLater()
      else if (!part) this.draw(focus)
      if (said) this.speak(said)
      this.showUndo()
    }

    save () {
      const document = writeRoot(this.root)
      this.area.value = document === undefined ? '' : yaml(document)
      this.isBroken = false
      this.ask()
    }

    goBack () {
      const before = this.undone.pop()
      if (before) {
        this.root = before
        this.lastPart = undefined
        this.save()
        this.draw()
        this.speak(this.t.said_undone)
      }
      this.showUndo()
    }

    showUndo () { this.undo.setAttribute('aria-disabled', !this.undone.length) } // disabled, it would lose the focus

    typed () {
      if (this.area.value.trim()) this.isBroken = true // until the server has read it
      else this.change(() => { this.root = emptyRoot() }, { part: 'yaml' })
      this.ask()
    }

    // Questions to the server: an estimate first, then the count; what is superseded is dropped

    ask (wait = DEBOUNCE_MS) {
      clearTimeout(this.timer)
      this.asking?.abort()
      this.asking = new AbortController()
      const { signal } = this.asking
      this.timer = setTimeout(() => this.preview(signal).catch((error) => {
        if (error.name !== 'AbortError') this.showCount(this.t.offline)
      }), wait)
    }

    async preview (signal) {
      const text = this.area.value
      if (!text.trim()) {
        this.problems = []
        this.views.words.replaceChildren('')
        this.showCount('')
        return this.showProblems()
      }
      this.showCount(this.t.counting, true)
      const answer = await this.post({ criteria: text, count: 'estimate', only_valid: this.onlyValid }, signal)
      this.problems = answer.problems
      if (this.view === 'yaml' && answer.document) this.take(answer.document)
      if (this.wanted) {
        const { wanted } = this
        this.wanted = undefined
        if (this.isBroken) this.speak(this.t.yaml_first)
        else this.show(wanted)
      }
      this.views.words.replaceChildren(answer.words ?? this.t.not_counted)
      this.showProblems()
      if (answer.problems.length) return this.showCount(this.t.not_counted)
      this.showAudience(answer)
      if (!answer.is_exact) await this.countExactly(text, signal, answer)
    }

    async countExactly (text, signal, estimate) {
      for (;;) {
        const answer = await this.post({ criteria: text, count: 'exact', only_valid: this.onlyValid }, signal)
        if (!answer.is_busy) return this.showAudience(answer.is_too_slow ? { ...estimate, is_too_slow: true } : answer)
        await new Promise((resolve) => setTimeout(resolve, BUSY_MS))
        signal.throwIfAborted()
      }
    }

    // A document that was written by hand
    take (document) {
      this.isBroken = false
      if (JSON.stringify(document) === JSON.stringify(writeRoot(this.root))) return
      this.undone.push(this.root)
      this.root = readRoot(document)
      for (const [node] of walk(this.root)) this.touched.add(node.id)
      this.showUndo()
    }

    showCount (text, isKept) {
      this.count.replaceChildren(text)
      this.count.classList.toggle('is-counting', Boolean(isKept))
      if (!isKept) this.sample.replaceChildren()
    }

    showAudience ({ count, is_exact: isExact, is_too_slow: isTooSlow, sample = [] }) {
      if (count === undefined) return this.showCount(isTooSlow ? this.t.too_slow : '')
      const n = this.number.format(count)
      const how = isExact ? count === 1 ? this.t.exact_one : this.say('exact', { n }) : this.say('estimate', { n })
      this.showCount(isTooSlow ? `${how}. ${this.t.too_slow}` : how)
      this.count.dataset.exact = String(Boolean(isExact))
      if (!sample.length) return
      this.sample.replaceChildren(h('span', { class: 'text-secondary' }, this.t.of_these, ': '), h('ul', {}, sample.map((lead) =>
        h('li', {}, h('a', { href: lead.url }, lead.name), lead.company && lead.company !== lead.name && ` · ${lead.company}`))))
    }

    showProblems () {
      const places = [...walk(this.root)].map(([node, place]) => ({ node, place })).reverse()
      const nodes = new Map(places.map(({ node }) => [node.id, node]))
      const told = new Map()
      for (const problem of this.problems) {
        const found = places.find(({ place }) => problem.place === place || problem.place.startsWith(place + '.') || problem.place.startsWith(place + '['))
        if (found) told.set(found.node.id, [...told.get(found.node.id) ?? [], problem])
      }
      for (const element of this.views.build.querySelectorAll('[data-problem]')) {
        const id = Number(element.dataset.problem)
        const body = nodes.get(id)?.body
        const need = body && this.need(body)
        const lines = !this.touched.has(id) ? [] : need ? [this.t[need]] : (told.get(id) ?? []).map((each) => [each.message, each.hint].filter(Boolean).join(' · '))
        element.replaceChildren(...lines.map((line) => h('div', {}, line)))
        element.closest('[data-node]').classList.toggle('has-problem', lines.length > 0)
      }
      this.views.yaml.firstChild.replaceChildren(...this.problems.map((each) => h('div', { class: 'invalid-feedback d-block' },
        [each.line ? this.say('line', { n: each.line }) : '', each.place.replace(/^criteria\.?/, '').replace(/^, line.*/, '')].filter(Boolean).join(', '), ': ',
        each.message, each.hint && ` · ${each.hint}`)))
      for (const each of this.querySelectorAll('[data-text] > .invalid-feedback')) each.remove() // the server's first answer is told anew above
      this.area.classList.toggle('is-invalid', this.problems.length > 0)
    }

    // Drawing: everything anew at each change of the tree; the focus stays where it was

    draw (focus = document.activeElement?.dataset?.key) {
      this.isLarge = [...walk(this.root)].length > MANY
      const used = document.activeElement
      this.isDrawing = true // the focus leaves what goes, but the person did not
      this.views.build.replaceChildren(this.drawGroup(this.root, null, 0, 1))
      this.isDrawing = false
      this.keep(used)
      this.showProblems()
      this.showUndo()
      if (focus) this.focusOn(focus)
    }

    // A list of choices that has the focus stays itself, so that one can go on typing what to choose
    keep (used) {
      const made = used?.choose && this.querySelector(`[data-key="${CSS.escape(used.dataset.key)}"]`)
      if (!made?.choose || ![...used.options].some((each) => each.value === made.value)) return
      used.choose = made.choose
      used.value = made.value
      made.replaceWith(used)
    }

    // After a field was left: what is being clicked meanwhile must not go away under the pointer
    drawLater () {
      const draw = () => setTimeout(() => isPressed ? this.drawLater() : this.draw()) // pressed meanwhile, perhaps
      if (isPressed) addEventListener('pointerup', draw, { once: true })
      else draw()
    }

    focusOn (key) { this.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus() }

    drawGroup (node, parent, index, size) {
      const modes = { 'all0': 'mode_all', 'any0': 'mode_any', 'any1': 'mode_none', 'all1': 'mode_not_all' }
      const mode = this.select({
        key: `${node.id}/mode`, label: this.t.mode, value: `${node.op}${node.not % 2}`, class: 'criteria-mode',
        options: Object.entries(modes).map(([value, text]) => ({ value, label: this.t[text] })),
        set: (value) => this.change(() => {
          node.op = value.slice(0, 3)
          node.not += Number(value[3]) - node.not % 2
          node.bare = false
        })
      })
      const empty = node.nodes.length ? '' : parent || !node.bare ? this.t[node.op === 'all' ? 'everybody' : 'nobody'] : this.t.first_step
      return h('div', { class: 'criteria-group', role: 'group', 'aria-label': this.t.group, 'data-node': node.id, id: `node-${node.id}` },
        h('div', { class: 'criteria-line' }, (node.nodes.length > 1 || !isBare(node) && node.nodes.length > 0 || parent) && mode, parent && this.menu(node, parent, index, size)),
        empty && h('p', { class: 'criteria-empty text-secondary' }, empty),
        node.nodes.map((child, n) => child.nodes ? this.drawGroup(child, node, n, node.nodes.length) : this.drawCondition(child, node, n, node.nodes.length)),
        h('div', { class: 'invalid-feedback d-block', 'data-problem': node.id }),
        h('div', { class: 'criteria-add' },
          this.button({ key: `${node.id}/add`, icon: 'plus', text: this.t.add_condition, act: () => this.add(node, { body: {} }, this.t.said_added) }),
          this.button({ key: `${node.id}/group`, icon: 'plus', text: this.t.add_group, act: () => this.add(node, { op: node.op === 'all' ? 'any' : 'all', nodes: [{ id: ++lastId, not: 0, body: {} }] }, this.t.said_group) })))
    }

    add (group, more, said) {
      const node = { id: ++lastId, not: 0, ...more }
      const first = node.nodes ? node.nodes[0] : node
      this.change(() => {
        group.nodes.push(node)
        if (group.nodes.length > 1 || node.nodes) group.bare = false
      }, { focus: `${first.id}/subject`, said })
    }

    drawCondition (node, parent, index, size) {
      const kind = this.kindOf(node.body)
      const problem = `problem-${node.id}`
      const line = h('div', { class: 'criteria-line' },
        h('button', {
          type: 'button', class: 'btn btn-sm criteria-not', 'data-key': `${node.id}/not`, 'aria-pressed': String(node.not % 2 === 1), title: this.t.not_long,
          onclick: () => this.change(() => { node.not += node.not % 2 ? -1 : 1 })
        }, this.t.not),
        kind === undefined ? h('code', { class: 'criteria-raw' }, flow(node.body)) : this.subject(node, kind),
        kind === 'attribute' && this.comparison(node, node.body, 'attribute', this.aboutAttribute(node.body.attribute), `${node.id}`),
        kind && kind !== 'attribute' && kind !== 'event' && this.fields(node, this.words.kinds.find((each) => each.key === kind)),
        this.menu(node, parent, index, size))
      return h('div', { class: 'criteria-condition', role: 'group', 'aria-label': `${this.t.condition} ${index + 1}/${size}`, 'aria-describedby': problem, 'data-node': node.id },
        line, kind === 'event' && this.drawEvent(node), h('div', { class: 'invalid-feedback d-block', id: problem, 'data-problem': node.id }))
    }

    kindOf (body) {
      if (!isObject(body)) return undefined
      const found = this.words.kinds.map((each) => each.key).filter((key) => key in body)
      return found[0] ?? (Object.keys(body).length ? undefined : '')
    }

    menu (node, parent, index, size) {
      const neighbour = parent.nodes[index - 1]?.nodes ? parent.nodes[index - 1] : parent.nodes[index + 1]
      const items = [
        ['up', 'chevron-up', index > 0], ['down', 'chevron-down', index < size - 1],
        ['into', 'arrow-right', Boolean(neighbour?.nodes)], ['out', 'arrow-left', parent !== this.root],
        ['wrap', 'square', true], ['copy', 'copy', true]
      ]
      const moves = { ArrowUp: 'up', ArrowDown: 'down', ArrowRight: 'into', ArrowLeft: 'out' }
      return h('div', { class: 'criteria-tools' },
        h('div', { class: 'dropdown' },
          h('button', {
            type: 'button', class: 'btn btn-sm btn-icon btn-ghost-secondary', 'data-key': `${node.id}/menu`, 'data-bs-toggle': 'dropdown', 'aria-expanded': 'false',
            'aria-label': this.t.more, title: this.t.more, 'aria-describedby': `${this.id}-hint`, 'aria-keyshortcuts': 'Alt+ArrowUp Alt+ArrowDown Alt+ArrowRight Alt+ArrowLeft',
            'data-moves': true, onmove: (event) => this.move(node, moves[event.detail])
          }, this.icon('dots')),
          h('div', { class: 'dropdown-menu dropdown-menu-end' }, items.map(([key, icon, may]) =>
            h('button', { type: 'button', class: 'dropdown-item', disabled: !may, 'data-move': key, onclick: () => this.move(node, key) }, this.icon(icon), ' ', this.t[key])))),
        h('button', { type: 'button', class: 'btn btn-sm btn-icon btn-ghost-secondary', 'data-key': `${node.id}/remove`, 'aria-label': this.t.remove, title: this.t.remove, onclick: () => this.remove(node) }, this.icon('trash')))
    }

    remove (node) {
      const { parent, index } = this.find(node)
      const next = parent.nodes[index + 1] ?? parent.nodes[index - 1]
      this.change(() => {
        parent.nodes.splice(index, 1)
        if (parent === this.root && !parent.nodes.length) this.root = emptyRoot()
      }, { focus: next ? `${next.id}/menu` : 'none', said: this.t.said_removed })
      if (!next) this.focusOn(`${this.find(parent).node ? parent.id : this.root.id}/add`)
    }

    find (node) {
      for (const [each, , parent] of walk(this.root)) if (each === node) return { node: each, parent, index: parent ? parent.nodes.indexOf(each) : 0 }
      return {}
    }

    move (node, how) {
      const { parent, index } = this.find(node)
      const above = this.find(parent).parent
      const before = parent.nodes[index - 1]
      const after = parent.nodes[index + 1]
      const group = before?.nodes ? before : after?.nodes ? after : null
      const put = (list, place) => list.splice(place, 0, node)
      const leave = () => {
        parent.nodes.splice(index, 1)
        if (above && !parent.nodes.length) above.nodes.splice(above.nodes.indexOf(parent), 1)
      }
      const act = {
        up: before && (() => { leave(); put(parent.nodes, index - 1) }),
        down: after && (() => { parent.nodes.splice(index, 1); put(parent.nodes, index + 1) }),
        into: group && (() => { leave(); put(group.nodes, group === before ? group.nodes.length : 0) }),
        out: above && (() => {
          const place = above.nodes.indexOf(parent) + 1
          leave()
          put(above.nodes, parent.nodes.length ? place : place - 1)
        }),
        wrap: () => {
          parent.nodes[index] = { id: ++lastId, not: 0, op: parent.op === 'all' ? 'any' : 'all', nodes: [node] }
          parent.bare = false
        },
        copy: () => {
          const copy = read(structuredClone(write(node)))
          for (const [each] of walk(copy)) this.touched.add(each.id)
          parent.nodes.splice(index + 1, 0, copy)
          parent.bare = false
        }
      }[how]
      if (!act) return this.speak(this.t.said_stays)
      this.change(act, { focus: `${node.id}/menu` })
      const now = this.find(node)
      const said = { into: this.t.said_into, out: this.t.said_out, copy: this.t.said_added, wrap: this.t.said_group }
      this.speak(said[how] ?? this.say('said_moved', { place: now.index + 1, n: now.parent.nodes.length }))
    }

    // Controls

    button ({ key, icon, text, act, label }) {
      return h('button', { type: 'button', class: 'btn btn-sm', 'data-key': key, 'aria-label': label, onclick: act }, icon && this.icon(icon), icon && ' ', text)
    }

    // options: [{value, label}] or [{group, options}]; the value in force is among them, seen or not
    select ({ key, label, value, options, set, class: look = '', isLazy }) {
      const make = (each) => each.options
        ? h('optgroup', { label: each.group }, each.options.map(make))
        : new Option(each.label, each.value, false, each.value === value)
      const all = options.flatMap((each) => each.options ?? [each])
      const chosen = all.find((each) => each.value === value) ?? { value, label: value ? `${value} ${this.t.is_missing}` : this.t.choose }
      const element = h('select', { class: `form-select form-select-sm ${look}`, 'data-key': key, 'aria-label': label, onchange: () => element.choose(element.value) })
      element.choose = set
      element.addEventListener('keydown', (event) => this.typeAhead(event, element))
      const fill = () => element.replaceChildren(...(all.includes(chosen) ? [] : [make(chosen)]), ...options.map(make))
      if (isLazy) {
        element.append(make(chosen))
        for (const name of ['focus', 'pointerdown']) element.addEventListener(name, fill, { once: true })
      } else fill()
      return element
    }

    // The letters of a label choose it, one after the other: the browser would begin anew with each change of the list
    typeAhead (event, element) {
      const isOpen = CSS.supports('selector(:open)') && element.matches(':open')
      if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || isOpen) return
      const before = this.ahead?.key === element.dataset.key && event.timeStamp - this.ahead.at < 1000 ? this.ahead.text : ''
      if (event.key === ' ' && !before) return
      event.preventDefault()
      this.ahead = { key: element.dataset.key, at: event.timeStamp, text: before + event.key.toLocaleLowerCase() }
      const { text } = this.ahead
      const isRepeated = text === text[0].repeat(text.length) // the same letter again goes on to the next label
      const sought = isRepeated ? text[0] : text
      const from = element.selectedIndex + (isRepeated ? 1 : 0)
      const options = [...element.options]
      const found = [...options.slice(from), ...options.slice(0, from)].find((each) => each.label.trim().toLocaleLowerCase().startsWith(sought))
      if (!found || found.value === element.value) return
      element.value = found.value
      element.choose(found.value)
    }

    input ({ key, label, value, set, type = 'text', class: look = '', ...more }) {
      const element = h('input', { type, class: `form-control form-control-sm ${look}`, 'data-key': key, 'aria-label': label, autocomplete: 'off', value: value ?? '', ...more })
      element.addEventListener('input', () => set(element.value))
      return element
    }

    numberInput ({ set, value, ...more }) {
      return this.input({ type: 'number', step: 'any', class: 'criteria-number', value: typeof value === 'number' ? value : '', set: (text) => set(text === '' ? '' : Number(text)), ...more })
    }

    // A text field with values to choose from; `load` is asked when the field is entered first
    suggesting ({ load, ...more }) {
      const id = `list-${++lastId}`
      const list = h('datalist', { id })
      const element = this.input({ list: id, ...more })
      element.addEventListener('focus', async () => {
        const found = await load()
        list.replaceChildren(...found.map(({ value, n, label }) => h('option', { value: String(value), label: label ?? (n === undefined ? undefined : `${value} · ${this.number.format(n)}`) })))
      }, { once: true })
      return [element, list]
    }

    subject (node, kind) {
      const { body } = node
      const name = body[kind]
      const isOther = node.isOther || (kind === 'attribute' || kind === 'event') && name === ''
      const value = !kind ? '' : isOther ? `${kind}:` : kind === 'attribute' || kind === 'event' ? `${kind}:${name}` : `kind:${kind}`
      const { attributes, events, kinds } = this.words
      const listed = (of, prefix) => of.map((each) => ({ value: `${prefix}:${each.key}`, label: each.label }))
      const known = { attribute: attributes, event: events }[kind]
      const missing = known && !isOther && !known.some((each) => each.key === name) ? [{ value, label: `${name} ${this.t.is_missing}` }] : []
      const others = kinds.filter((each) => each.fields.length)
      const options = [
        ...(kind ? [] : [{ value: '', label: this.t.choose }]), ...missing,
        { group: this.t.attributes, options: [...listed(attributes, 'attribute'), { value: 'attribute:', label: this.t.another_attribute }] },
        { group: this.t.events, options: [...listed(events, 'event'), { value: 'event:', label: this.t.another_event }] },
        ...(others.length ? [{ group: this.t.others, options: listed(others, 'kind') }] : [])
      ]
      return [
        this.select({ key: `${node.id}/subject`, label: this.t.subject, value, options, class: 'criteria-subject', isLazy: this.isLarge, set: (chosen) => this.choose(node, chosen) }),
        isOther && this.input({
          key: `${node.id}/name`, label: this.t[`${kind}_name`], placeholder: this.t[`${kind}_name`], value: name, class: 'criteria-name',
          set: (text) => this.change(() => { body[kind] = text }, { part: `${node.id}/name` })
        })
      ]
    }

    choose (node, chosen) {
      const [kind, ...rest] = chosen.split(':')
      const name = rest.join(':')
      node.isOther = name === ''
      this.change(() => {
        if (kind === 'attribute') {
          const operator = this.operatorOf(node.body, 'attribute')
          const { operators } = this.aboutAttribute(name)
          const keep = node.body.attribute !== undefined && operators.includes(operator)
          const chosen = keep ? operator : operators[0]
          node.body = { attribute: name, [chosen]: keep ? this.fresh(chosen, node.body[operator]) : this.fresh(chosen) }
        } else if (kind === 'event') {
          node.body = { ...('event' in node.body ? node.body : {}), event: name }
          node.body = this.ordered(node.body)
        } else node.body = this.begun(this.words.kinds.find((each) => each.key === name))
        this.touched.delete(node.id)
      })
    }

    // Comparisons of an attribute or a property

    aboutAttribute (key) {
      const known = this.words.attributes.find((each) => each.key === key)
      const type = known?.type ?? 'text'
      const operators = known ? this.words.by_type[type] ?? this.words.by_type.text : this.allAfter('text')
      return { type, operators, load: () => this.seen(`?attribute=${encodeURIComponent(key)}`, 'values') }
    }

    aboutProperty (event, key) {
      const types = this.types?.[`${event}/${key}`]
      const type = types && !types.includes('string') ? types.find((each) => ['number', 'boolean', 'date'].includes(each)) ?? 'text' : 'text'
      return { type, operators: this.allAfter(type), load: () => this.seen(`?event=${encodeURIComponent(event)}&property=${encodeURIComponent(key)}`, 'values') }
    }

    // Every comparison, those of a type first: where nobody knows the type
    allAfter (type) { return [...new Set([...this.words.by_type[type], ...Object.keys(this.words.operators)])] }

    operatorOf (mapping, subject) {
      return Object.keys(mapping).find((key) => key in this.words.operators) ?? Object.keys(mapping).find((key) => key !== subject)
    }

    // What stands beside an operator at first; `before` is kept where its form fits
    fresh (operator, before) {
      const form = this.words.operators[operator]?.operand
      const isList = form === 'values' || form === 'texts'
      if (form === 'true') return true
      if (form === 'range') return Array.isArray(before) && before.length === 2 ? before : ['', '']
      if (isList) return Array.isArray(before) ? before : isBlank(before) || before === true ? [] : [before]
      const one = Array.isArray(before) ? before[0] : before
      if (form === 'number' || form === 'days') return typeof one === 'number' ? one : ''
      return isBlank(one) || one === true ? '' : form === 'text' ? String(one) : one
    }

    comparison (node, mapping, subject, about, key) {
      const operator = this.operatorOf(mapping, subject)
      const names = about.operators.includes(operator) || operator === undefined ? about.operators : [operator, ...about.operators]
      const label = (name) => this.words.operators[name]?.label ?? name
      return [
        this.select({
          key: `${key}/operator`, label: this.t.operator, value: operator ?? '', class: 'criteria-operator', isLazy: this.isLarge,
          options: names.map((name) => ({ value: name, label: label(name) })),
          set: (chosen) => this.change(() => {
            const value = this.fresh(chosen, mapping[operator])
            delete mapping[operator]
            mapping[chosen] = value
          })
        }),
        operator !== undefined && this.operand(node, mapping, operator, about, key)
      ]
    }

    operand (node, mapping, operator, about, key) {
      const form = this.words.operators[operator]?.operand
      const set = (value, part = `${key}/value`) => this.change(() => { mapping[operator] = value }, { part })
      const value = mapping[operator]
      const shared = { key: `${key}/value`, label: this.t.value }
      if (form === 'true') return null
      if (form === 'number') return this.numberInput({ ...shared, value, set })
      if (form === 'days') return [this.numberInput({ ...shared, value, set, min: 1 }), h('span', {}, this.t.days)]
      if (form === 'date') return this.input({ ...shared, type: 'date', value, set })
      if (form === 'range') return this.range(value, set, key)
      if (form === 'values' || form === 'texts') return this.list(value, about, key, form === 'texts', (found, more) => this.change(() => { mapping[operator] = found }, more))
      if (form === 'value' && about.type === 'boolean' && (isBlank(value) || typeof value === 'boolean')) {
        return this.select({
          ...shared, value: String(value), options: [...(isBlank(value) ? [{ value: '', label: this.t.choose }] : []), { value: 'true', label: this.t.yes }, { value: 'false', label: this.t.no }],
          set: (chosen) => this.change(() => { mapping[operator] = chosen === 'true' })
        })
      }
      if (form === 'value' && about.type.startsWith('date')) return this.input({ ...shared, type: 'date', value, set })
      const isTyped = form === 'value'
      return this.suggesting({ ...shared, value: String(value ?? ''), load: about.load, class: 'criteria-value', set: (text) => set(isTyped ? this.typedValue(text, about, value) : text) })
    }

    typedValue (text, about, before) {
      const isNumber = about.type === 'number' || about.type === 'money' || typeof before === 'number'
      return isNumber && NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : text
    }

    range (value, set, key) {
      const pair = Array.isArray(value) ? value : ['', '']
      const one = (n, label) => this.numberInput({
        key: `${key}/${n ? 'to' : 'value'}`, label, value: pair[n],
        set: (number) => { pair[n] = number; set([...pair], `${key}/range`) }
      })
      return [one(0, this.t.low), h('span', {}, this.t.and), one(1, this.t.high)]
    }

    dates (value, set, key) {
      const pair = Array.isArray(value) ? value : ['', '']
      const one = (n, label) => this.input({
        key: `${key}/${n ? 'last' : 'first'}`, label, type: 'date', value: pair[n],
        set: (day) => { pair[n] = day; set([...pair], `${key}/dates`) }
      })
      return [one(0, this.t.first), h('span', {}, this.t.and), one(1, this.t.last)]
    }

    // A list of values: chips, pasted texts, values that were seen
    list (value, about, key, isText, set) {
      const values = Array.isArray(value) ? value : []
      const convert = (text) => isText ? text : this.typedValue(text, about)
      const add = (texts, more) => {
        const there = new Set(values.map(String))
        const fresh = [...new Set(texts)].filter((text) => !there.has(text))
        if (!texts.length) return
        set([...values, ...fresh.map(convert)], more)
        const repeated = texts.length - fresh.length
        this.speak(this.say(repeated ? 'list_repeated' : 'list_added', { n: fresh.length, repeated }))
      }
      const stay = { focus: `${key}/value` }
      if (this.open.has(key)) {
        const area = h('textarea', { class: 'form-control form-control-sm', rows: 6, 'data-key': `${key}/value`, 'aria-label': this.t.list, spellcheck: 'false', value: values.join('\n') })
        area.addEventListener('input', () => set([...new Set(split(area.value, true))].map(convert), { part: `${key}/value` }))
        return h('div', { class: 'criteria-list' }, area, h('div', { class: 'form-hint' }, this.t.list_hint),
          this.button({ key: `${key}/done`, text: this.t.list_as_chips, act: () => { this.open.delete(key); this.draw(`${key}/value`) } }))
      }
      const take = (more) => {
        const found = split(input.value)
        input.value = ''
        add(found, more)
      }
      const [input, choices] = this.suggesting({ key: `${key}/value`, label: this.t.list, load: about.load, placeholder: this.t.list_placeholder, class: 'criteria-value', set: () => {} })
      input.addEventListener('keydown', (event) => {
        if ((event.key === 'Enter' || event.key === ',') && !event.isComposing) {
          event.preventDefault()
          take(stay)
        } else if (event.key === 'Backspace' && !input.value && values.length) set(values.slice(0, -1), stay)
      })
      input.addEventListener('change', () => take({ isLater: true }))
      input.addEventListener('paste', (event) => {
        const found = split(event.clipboardData.getData('text'))
        if (found.length < 2) return
        event.preventDefault()
        add(found, stay)
      })
      const suggested = h('div', { class: 'criteria-seen', role: 'group', 'aria-label': this.t.choices })
      about.load().then((found) => suggested.append(...found.slice(0, MOST_SUGGESTED).map((each) => {
        const text = String(each.value)
        const isIn = values.some((one) => String(one) === text)
        const toggle = async () => {
          set(isIn ? values.filter((one) => String(one) !== text) : [...values, convert(text)], {})
          await about.load() // drawn anew after the values came, which were asked for before
          this.focusOn(`${key}/seen-${text}`)
        }
        return h('button', { type: 'button', class: 'btn btn-sm', 'data-key': `${key}/seen-${text}`, 'aria-pressed': String(isIn), onclick: toggle },
          text, h('span', { class: 'text-secondary' }, this.number.format(each.n)))
      })))
      return h('div', { class: 'criteria-list' },
        h('div', { class: 'criteria-chips' },
          values.slice(0, MOST_CHIPS).map((each) => h('button', {
            type: 'button', class: 'btn btn-sm criteria-chip', 'aria-label': this.say('list_remove', { value: each }),
            onclick: () => set(values.filter((one) => one !== each), stay)
          }, String(each), this.icon('x'))),
          values.length > MOST_CHIPS && h('span', { class: 'text-secondary' }, this.say('list_more', { n: this.number.format(values.length - MOST_CHIPS) })),
          input, choices,
          this.button({ key: `${key}/text`, text: this.t.list_as_text, act: () => { this.open.add(key); this.draw(`${key}/value`) } })),
        suggested)
    }

    // Events

    ordered (body) {
      const rest = Object.keys(body).filter((key) => !EVENT_KEYS.includes(key))
      return Object.fromEntries([...EVENT_KEYS, ...rest].filter((key) => key in body).map((key) => [key, body[key]]))
    }

    drawEvent (node) {
      const { body } = node
      const may = (key) => key in body || this.words.event_keys.includes(key)
      const where = Array.isArray(body.where) ? body.where : []
      const lines = where.filter(isObject).map((test, n) => this.drawWhere(node, where, test, n))
      return h('div', { class: 'criteria-event' }, lines,
        h('div', { class: 'criteria-line' },
          may('where') && this.button({
            key: `${node.id}/where`, icon: 'plus', text: this.t.add_where,
            act: () => {
              this.touched.delete(node.id)
              this.change(() => { node.body = this.ordered({ ...body, where: [...where, { property: '', is: '' }] }) }, { focus: `${node.id}/where-${where.length}/property` })
            }
          }),
          this.measure(node, may), this.often(node), this.window(node, may)))
    }

    drawWhere (node, where, test, n) {
      const key = `${node.id}/where-${n}`
      const about = this.aboutProperty(node.body.event, test.property)
      return h('div', { class: 'criteria-line criteria-where' }, h('span', { class: 'text-secondary' }, this.t[n ? 'and' : 'where']),
        this.property({ key: `${key}/property`, node, value: test.property, set: (text) => this.change(() => { test.property = text }, { part: `${key}/property` }) }),
        this.comparison(node, test, 'property', about, key),
        h('button', {
          type: 'button', class: 'btn btn-sm btn-icon btn-ghost-secondary', 'aria-label': this.t.remove_where, title: this.t.remove_where,
          onclick: () => this.change(() => {
            const rest = where.filter((each) => each !== test)
            if (rest.length) node.body.where = rest
            else delete node.body.where
          }, { focus: `${node.id}/where` })
        }, this.icon('x')))
    }

    // The name of a property; once its types are known, the comparisons beside it follow them
    property ({ node, ...more }) {
      const { event } = node.body
      const query = `?event=${encodeURIComponent(event)}`
      const load = async () => {
        const found = await this.seen(query, 'properties')
        this.types = { ...this.types, ...Object.fromEntries(found.map((each) => [`${event}/${each.key}`, each.types])) }
        return found.map((each) => ({ value: each.key, label: each.key }))
      }
      const parts = this.suggesting({ label: this.t.property, placeholder: this.t.property, class: 'criteria-property', load, ...more })
      parts[0].addEventListener('change', () => this.drawLater())
      return parts
    }

    measure (node, may) {
      const { body } = node
      const known = MEASURES.filter(may)
      if (!known.length) return null
      const measure = MEASURES.find((key) => key in body) ?? 'times'
      const bounds = measure === 'sum' || measure === 'max' ? 'figures' : 'times'
      return [
        this.select({
          key: `${node.id}/measure`, label: this.t.measure, value: measure,
          options: ['times', ...known].map((value) => ({ value, label: this.t[`measure_${value}`] })),
          set: (chosen) => this.change(() => {
            const next = { ...body }
            for (const key of MEASURES) delete next[key]
            const after = chosen === 'sum' || chosen === 'max' ? 'figures' : 'times'
            if (after !== bounds) for (const key of ['times', ...FIGURES]) delete next[key]
            if (after === 'figures' && bounds !== after) next.gte = ''
            if (chosen !== 'times') next[chosen] = body[measure] ?? ''
            node.body = this.ordered(next)
          })
        }),
        measure !== 'times' && this.property({ key: `${node.id}/measured`, node, value: body[measure], set: (text) => this.change(() => { body[measure] = text }, { part: `${node.id}/measured` }) })
      ]
    }

    often (node) {
      const { body } = node
      if ('sum' in body || 'max' in body) {
        const about = { type: 'number', operators: FIGURES.filter((name) => name in this.words.operators), load: async () => [] }
        const operator = FIGURES.find((name) => name in body)
        return [
          this.select({
            key: `${node.id}/figure`, label: this.t.operator, value: operator ?? '', options: about.operators.map((name) => ({ value: name, label: this.words.operators[name].label })),
            set: (chosen) => this.change(() => {
              const next = { ...body, [chosen]: this.fresh(chosen, body[operator]) }
              if (operator !== chosen) delete next[operator]
              node.body = this.ordered(next)
            })
          }),
          operator && this.operand(node, body, operator, about, `${node.id}/figure`)
        ]
      }
      const times = isObject(body.times) ? body.times : null
      const bound = !times ? '' : 'exactly' in times ? 'exactly' : 'at_least' in times && 'at_most' in times ? 'from_to' : 'at_most' in times ? 'at_most' : 'at_least'
      const set = (found) => { node.body = this.ordered({ ...body, times: found }) }
      const number = (key) => this.numberInput({
        key: `${node.id}/${key}`, label: this.t[key], value: times[key], min: 0, step: 1,
        set: (n) => this.change(() => { times[key] = n }, { part: `${node.id}/${key}` })
      })
      return [
        this.select({
          key: `${node.id}/bound`, label: this.t.bound, value: bound,
          options: [['', 'often_any'], ['at_least', 'at_least'], ['at_most', 'at_most'], ['exactly', 'exactly'], ['from_to', 'from_to']].map(([value, text]) => ({ value, label: this.t[text] })),
          set: (chosen) => {
            const n = times ? Object.values(times)[0] : 1
            const made = { at_least: { at_least: n }, at_most: { at_most: n }, exactly: { exactly: n }, from_to: { at_least: n, at_most: n } }[chosen]
            this.change(() => {
              if (made) set(made)
              else delete body.times
            })
          }
        }),
        bound === 'from_to' ? [number('at_least'), h('span', {}, this.t.and), number('at_most')] : bound && number(bound),
        bound && !('distinct' in body) && h('span', {}, this.t.measure_times)
      ]
    }

    window (node, may) {
      const { body } = node
      const names = { within_days: 'window_days', between_dates: 'window_dates', since: 'window_since' }
      const window = WINDOWS.find((key) => key in body) ?? ''
      const known = WINDOWS.filter((key) => key === 'since' ? key in body : may(key))
      const set = (value, part) => this.change(() => { body[window] = value }, { part })
      return [
        this.select({
          key: `${node.id}/window`, label: this.t.window, value: window,
          options: [{ value: '', label: this.t.window_ever }, ...known.map((value) => ({ value, label: this.t[names[value]] }))],
          set: (chosen) => this.change(() => {
            const next = { ...body }
            for (const key of WINDOWS) delete next[key]
            if (chosen) next[chosen] = chosen === 'within_days' ? 30 : chosen === 'since' ? body.since : ['', '']
            node.body = this.ordered(next)
          })
        }),
        window === 'within_days' && [this.numberInput({ key: `${node.id}/days`, label: this.t.days, value: body.within_days, min: 0, set: (n) => set(n, `${node.id}/days`) }), h('span', {}, this.t.days)],
        window === 'between_dates' && this.dates(body.between_dates, set, node.id),
        window === 'since' && this.input({ key: `${node.id}/since`, label: this.t.step, value: body.since, set: (text) => set(text, `${node.id}/since`) })
      ]
    }

    // Conditions of other kinds, drawn by the fields that the server names

    begun (kind) {
      const body = { [kind.key]: '' }
      for (const field of kind.fields) {
        const asked = field.one_of ? field.one_of[0] : field
        if (!field.is_optional) body[asked.key] = this.blank(asked)
      }
      return body
    }

    blank (field) {
      if (field.type === 'true') return true
      if (field.type === 'choice') return field.choices.length === 1 ? field.choices[0].value : ''
      return field.type === 'range' ? ['', ''] : field.type === 'list' ? [] : ''
    }

    fields (node, kind) {
      return kind.fields.map((field) => {
        if (!field.one_of) return this.field(node, field)
        const chosen = field.one_of.find((each) => each.key in node.body)
        return [
          this.select({
            key: `${node.id}/asked`, label: this.t.asked, value: chosen?.key ?? '', options: field.one_of.map((each) => ({ value: each.key, label: each.label })),
            set: (key) => this.change(() => {
              const next = field.one_of.find((each) => each.key === key)
              const before = node.body[chosen?.key]
              if (chosen) delete node.body[chosen.key]
              node.body[key] = next.type === chosen?.type ? before : this.blank(next)
            })
          }),
          chosen && this.field(node, chosen, true)
        ]
      })
    }

    field (node, field, isUnlabelled) {
      const { key, type, label } = field
      const value = node.body[key]
      const set = (found, part) => this.change(() => {
        if (field.is_optional && isBlank(found)) delete node.body[key]
        else node.body[key] = found
      }, { part })
      const shared = { key: `${node.id}/${key}`, label }
      const part = shared.key
      if (type === 'choice') {
        const blank = field.is_optional || isBlank(value) ? [{ value: '', label: field.is_optional ? label + ': –' : this.t.choose }] : []
        const options = field.choices.map((each) => ({ value: each.value, label: each.n === undefined ? each.label : `${each.label} · ${this.number.format(each.n)}` }))
        return this.select({ ...shared, value: value ?? '', options: [...blank, ...options], isLazy: this.isLarge, set: (chosen) => set(chosen) })
      }
      if (type === 'true') {
        const box = h('input', { type: 'checkbox', class: 'form-check-input', 'data-key': part, checked: value === true, onchange: () => set(box.checked ? true : '') })
        return h('label', { class: 'form-check mb-0' }, box, h('span', { class: 'form-check-label' }, label))
      }
      if (type === 'list') return this.list(value, { type: 'text', load: async () => [] }, part, true, (found, more) => this.change(() => { node.body[key] = found }, more))
      if (type === 'range') return this.range(value, set, part)
      const isNumber = type === 'number' || type === 'days'
      const control = isNumber ? this.numberInput({ ...shared, value, set: (n) => set(n, part) }) : this.input({ ...shared, value, placeholder: label, class: 'criteria-value', set: (text) => set(text, part) })
      return isNumber && !isUnlabelled ? h('label', { class: 'criteria-labelled' }, h('span', {}, label), control) : control
    }

    // What a person has not filled in yet: a key of the texts, or nothing
    need (body) {
      const kind = this.kindOf(body)
      if (kind === '') return 'need_subject'
      if (kind === undefined) return ''
      if (kind === 'attribute') return isBlank(body.attribute) ? 'need_subject' : this.needOperand(body, 'attribute')
      if (kind !== 'event') return Object.values(body).some((value) => isBlank(value) || Array.isArray(value) && value.some(isBlank)) ? 'need_value' : ''
      if (isBlank(body.event)) return 'need_subject'
      const tests = (Array.isArray(body.where) ? body.where : []).filter(isObject)
      if (tests.some((test) => isBlank(test.property))) return 'need_property'
      if (MEASURES.some((key) => body[key] === '')) return 'need_property'
      if (isObject(body.times) && Object.values(body.times).some(isBlank) || isBlank(body.within_days ?? 1) || FIGURES.some((key) => body[key] === '')) return 'need_number'
      if (Array.isArray(body.between_dates) && body.between_dates.some(isBlank)) return 'need_date'
      return tests.map((test) => this.needOperand(test, 'property')).find(Boolean) ?? ''
    }

    needOperand (mapping, subject) {
      const operator = this.operatorOf(mapping, subject)
      const form = this.words.operators[operator]?.operand
      const value = mapping[operator]
      if (form === 'range') {
        if (!Array.isArray(value) || value.some((each) => typeof each !== 'number')) return 'need_number'
        return value[0] > value[1] ? 'need_order' : ''
      }
      if (!isBlank(value)) return ''
      return form === 'number' || form === 'days' ? 'need_number' : form === 'date' ? 'need_date' : 'need_value'
    }
  }

  let isPressed = false
  for (const name of ['pointerdown', 'pointerup', 'pointercancel']) addEventListener(name, () => { isPressed = name === 'pointerdown' }, true)

  // Before the menus of the library, which take the same arrows
  window.addEventListener('keydown', (event) => {
    if (!event.altKey || !event.key.startsWith('Arrow') || !(event.target instanceof Element) || !event.target.matches('[data-moves]')) return
    event.preventDefault()
    event.stopImmediatePropagation()
    event.target.dispatchEvent(new CustomEvent('move', { detail: event.key }))
  }, true)

  customElements.define('criteria-builder', CriteriaBuilder)
})()
