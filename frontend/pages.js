// The screen component that builds landing pages. The document is what is sent: every change is saved as the draft, the
// server says what is wrong with it, and the preview comes from the host of pages. Blocks move by dragging, by buttons
// and by Alt with the arrow keys. No eval, no style.
import { elements } from './builder.js'

(() => {
  const place = document.getElementById('page-builder')
  if (!place) return
  const { document: page, kinds, texts: words, ...known } = JSON.parse(document.getElementById('builder').textContent)
  const frame = document.querySelector('.form-preview')
  const part = (name) => place.querySelector(`[data-${name}]`)
  const isReadonly = 'readonly' in place.dataset
  const { make, labelled, input, area, select, tick, several } = elements(isReadonly)
  const kindOf = (block) => kinds.find((each) => each.kind === block.kind) || { label: block.kind, settings: [] }
  const languages = () => Object.keys(page.languages || {})
  const token = () => document.querySelector('[name=csrfmiddlewaretoken]').value
  const speak = (text) => { document.getElementById('spoken').textContent = text }
  const put = (object, name, value, isKept = Boolean(value)) => {
    if (isKept) object[name] = value
    else delete object[name]
    changed()
  }
  const inLanguages = (label, object, name, isLong) => languages().map((code) => (isLong ? area : input)(`${label} (${code})`, (object[name] || {})[code], (value) => {
    const texts = { ...object[name], [code]: value }
    put(object, name, texts, Object.values(texts).some(Boolean))
  }))

  // Saving: after a pause, one at a time, always the newest
  let timer, isSaving, isStale
  const say = (text) => { part('state').textContent = text }
  const save = async () => {
    if (isSaving) { isStale = true; return }
    isSaving = true
    say(words.saving)
    try {
      const body = new URLSearchParams({ document: JSON.stringify(page) })
      const answer = await fetch(place.dataset.save, { method: 'POST', body, headers: { 'X-CSRFToken': token() } })
      const found = await answer.json()
      show(found.problems)
      if (found.preview && frame) frame.dataset.address = found.preview
      say(found.problems.length ? words.saved : `${words.saved} ${words.sound}`)
      refresh()
    } catch { say(words.failed) }
    isSaving = false
    if (isStale) { isStale = false; save() }
  }
  const changed = () => {
    if (isReadonly) return
    clearTimeout(timer)
    timer = setTimeout(save, 500)
  }
  const show = (problems) => {
    const box = part('problems')
    box.hidden = !problems.length
    box.replaceChildren(...problems.map((each) => make('p', { class: 'mb-0' }, each)))
  }
  addEventListener('beforeunload', (event) => { if (isSaving || isStale) event.preventDefault() })

  // Preview
  let shownIn = ''
  const refresh = () => { if (frame) frame.src = frame.dataset.address + (shownIn ? `?lang=${shownIn}` : '') }
  place.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-width], [data-language]')
    if (!button) return
    if (button.dataset.language) {
      shownIn = button.dataset.language
      refresh()
    } else {
      frame.classList.toggle('is-phone', button.dataset.width === 'phone')
      for (const each of place.querySelectorAll('[data-width]')) each.setAttribute('aria-pressed', String(each === button))
    }
  })

  // Settings
  const picture = (label, object, name) => {
    const choices = () => [['', words.none], ...known.pictures.map((each) => [each, each])]
    const box = make('div')
    const draw = () => {
      const control = make('input', { class: 'form-control', type: 'file', accept: '.png,.jpg,.jpeg,.webp,.gif', disabled: isReadonly, onchange: async () => {
        const body = new FormData()
        body.append('picture', control.files[0])
        say(words.saving)
        try {
          const answer = await fetch(place.dataset.pictures, { method: 'POST', body, headers: { 'X-CSRFToken': token() } })
          const found = await answer.json()
          if (found.problem) { say(''); show([found.problem]); return }
          if (!known.pictures.includes(found.name)) known.pictures.push(found.name)
          put(object, name, found.name)
          draw()
        } catch { say(words.failed) }
      } })
      box.replaceChildren(select(label, object[name], choices(), (value) => put(object, name, value)), labelled(words.upload, control))
    }
    draw()
    return box
  }
  const items = (label, object, name, parts) => {
    const box = make('fieldset', { class: 'mb-3' })
    const draw = () => {
      const list = object[name] || []
      box.replaceChildren(make('legend', { class: 'form-label' }, label), ...list.map((item, n) => make('div', { class: 'card card-body mb-2' },
        ...parts.flatMap(([key, text]) => inLanguages(text, item, key)),
        make('button', { class: 'btn btn-sm', type: 'button', disabled: isReadonly, onclick: () => { list.splice(n, 1); put(object, name, list, list.length > 0); draw() } }, words.remove))),
      make('button', { class: 'btn btn-sm', type: 'button', disabled: isReadonly, onclick: () => { put(object, name, [...list, empty(parts)]); draw() } }, `+ ${words.another}`))
    }
    draw()
    return box
  }
  const texts = (text) => Object.fromEntries(languages().map((code) => [code, text]))
  const empty = (parts) => Object.fromEntries(parts.map(([key]) => [key, texts('…')]))
  const setting = (block, { name, label, type, parts, is_long: isLong }) => {
    if (type === 'texts') return inLanguages(label, block, name, isLong)
    if (type === 'items') return [items(label, block, name, parts)]
    if (type === 'picture') return [picture(label, block, name)]
    if (type === 'form') return [select(label, block[name], [['', words.none], ...known.forms], (value) => put(block, name, value, true))]
    return [input(label, block[name], (value) => put(block, name, value))]
  }

  // Blocks
  const opened = new Set()
  const nameOf = (block) => Object.values(block.title || block.words || {})[0] || kindOf(block).label
  const move = (from, to, focus) => {
    if (to < 0 || to >= page.blocks.length || from === to) return
    const [block] = page.blocks.splice(from, 1)
    page.blocks.splice(to, 0, block)
    drawBlocks()
    changed()
    speak(words.moved.replace('%(name)s', nameOf(block)).replace('%(place)s', to + 1))
    if (focus) part('blocks').children[to].querySelector(focus).focus()
  }
  const drawBlock = (block, n) => {
    const kind = kindOf(block)
    const button = (label, text, act, mark) => make('button', { class: 'btn btn-sm', type: 'button', 'aria-label': `${label}: ${nameOf(block)}`, title: label, onclick: act, disabled: isReadonly, [`data-${mark}`]: true }, text)
    const summary = make('summary', { draggable: isReadonly ? 'false' : 'true', onkeydown: (event) => {
      if (!event.altKey || !/^Arrow(Up|Down)$/.test(event.key) || isReadonly) return
      event.preventDefault()
      move(n, n + (event.key === 'ArrowUp' ? -1 : 1), 'summary')
    } }, make('strong', {}, nameOf(block)), ' ', make('span', { class: 'text-secondary small' }, kind.label))
    const body = make('div', { class: 'pt-3' })
    const details = make('details', { class: 'flex-fill', ontoggle: () => {
      details.open ? opened.add(block) : opened.delete(block)
      if (details.open && !body.childElementCount) body.append(...kind.settings.flatMap((each) => setting(block, each)))
    } }, summary, body)
    if (opened.has(block)) details.open = true
    const item = make('li', { class: 'list-group-item d-flex gap-2 align-items-start',
      ondragstart: (event) => { event.dataTransfer.setData('text/plain', String(n)); event.dataTransfer.effectAllowed = 'move' },
      ondragover: (event) => { event.preventDefault(); item.classList.add('is-over') },
      ondragleave: () => item.classList.remove('is-over'),
      ondrop: (event) => { event.preventDefault(); move(Number(event.dataTransfer.getData('text/plain')), n) } },
    details, make('div', { class: 'btn-group' },
      button(words.up, '↑', () => move(n, n - 1, '[data-up]'), 'up'),
      button(words.down, '↓', () => move(n, n + 1, '[data-down]'), 'down'),
      button(words.remove, '×', () => { page.blocks.splice(n, 1); drawBlocks(); changed() }, 'remove')))
    return item
  }
  const drawBlocks = () => part('blocks').replaceChildren(...page.blocks.map(drawBlock))
  const add = (kind) => {
    const block = { kind: kind.kind }
    for (const { name, type, required, parts } of kind.settings) {
      if (!required) continue
      if (type === 'texts') block[name] = texts(kind.label)
      if (type === 'items') block[name] = [empty(parts)]
      if (type === 'form') block[name] = known.forms[0]?.[0] || ''
    }
    const last = page.blocks.findIndex((each) => each.kind === 'footer')
    const to = last < 0 ? page.blocks.length : last
    page.blocks.splice(to, 0, block)
    opened.clear()
    opened.add(block)
    drawBlocks()
    changed()
    speak(words.added.replace('%(name)s', kind.label))
    part('blocks').children[to].querySelector('summary').focus()
  }
  part('palette').append(...kinds.map((kind) => make('button', { class: 'btn btn-sm', type: 'button', disabled: isReadonly, 'data-add': kind.kind, onclick: () => add(kind) }, '+ ' + kind.label)))

  // The page as a whole
  const drawHead = () => {
    const box = part('head')
    const spoken = several(words.languages, languages(), known.languages, (chosen) => {
      const first = page.languages[languages()[0]]
      if (chosen.length) page.languages = Object.fromEntries(chosen.map((code) => [code, page.languages[code] || { ...first }]))
      drawHead()
      drawBlocks()
      changed()
    })
    box.replaceChildren(spoken, ...languages().flatMap((code) => [
      input(`${words.title} (${code})`, page.languages[code].title, (value) => put(page.languages[code], 'title', value, true)),
      area(`${words.description} (${code})`, page.languages[code].description, (value) => put(page.languages[code], 'description', value), 2)]),
    input(words.path, page.path, (value) => put(page, 'path', value, true)),
    select(words.theme, page.theme, known.themes, (value) => put(page, 'theme', value)),
    picture(words.picture, page, 'picture'),
    tick(words.noindex, page.noindex, (is) => put(page, 'noindex', is)))
  }
  drawBlocks()
  drawHead()
  show(known.problems)
})()
