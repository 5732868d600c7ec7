// The screen component that builds a form. The document is what is sent: every change is saved as the draft, the server
// says what is wrong with it, and the preview is drawn by the code that serves visitors. Fields move by dragging, by
// buttons and by Alt with the arrow keys. No library, no eval, no style.
import { elements } from './builder.js'

(() => {
  const place = document.getElementById('form-builder')
  if (!place) return
  const { document: form, kinds, texts: words, ...known } = JSON.parse(document.getElementById('builder').textContent)
  const frame = document.querySelector('.form-preview')
  const part = (name) => place.querySelector(`[data-${name}]`)
  const kindOf = (field) => kinds.find((each) => each.kind === field.kind) || { label: field.kind, settings: [], part: 'question' }
  const languages = () => Object.keys(form.languages || {})
  const isReadonly = 'readonly' in place.dataset
  const { make, input, area, select, tick, several } = elements(isReadonly)
  const inLanguages = (label, object, name, change = changed) => languages().map((code) => input(`${label} (${code})`, (object[name] || {})[code], (value) => {
    object[name] = { ...object[name], [code]: value }
    if (Object.values(object[name]).every((each) => !each)) delete object[name]
    change()
  }))
  const put = (object, name, value, isKept = Boolean(value)) => {
    if (isKept) object[name] = value
    else delete object[name]
    changed()
  }

  // Saving: after a pause, one at a time, always the newest
  let timer, isSaving, isStale
  const say = (text) => { part('state').textContent = text }
  const save = async () => {
    if (isSaving) { isStale = true; return }
    isSaving = true
    say(words.saving)
    try {
      const body = new URLSearchParams({ document: JSON.stringify(form) })
      const token = document.querySelector('[name=csrfmiddlewaretoken]').value
      const answer = await fetch(place.dataset.save, { method: 'POST', body, headers: { 'X-CSRFToken': token } })
      const { problems, hints = [] } = await answer.json()
      show(problems, hints)
      say(words.saved)
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
  const list = (name, sentences) => {
    const box = part(name)
    box.hidden = !sentences.length
    box.replaceChildren(...sentences.map((each) => make('p', { class: 'mb-0' }, each)))
  }
  const show = (problems, hints) => {
    list('problems', problems)
    list('hints', hints)
    if (!problems.length) say(words.sound)
  }
  addEventListener('beforeunload', (event) => { if (isSaving || isStale) event.preventDefault() })

  // Preview
  const refresh = () => { frame.contentWindow.location.replace(frame.src.split('?')[0] + (shownIn ? `?lang=${shownIn}` : '')) }
  let shownIn = ''
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

  // Fields
  const opened = new Set()
  const nameOf = (field) => Object.values(field.label || {})[0] || kindOf(field).label
  const move = (from, to, focus) => {
    if (to < 0 || to >= form.fields.length || from === to) return
    const [field] = form.fields.splice(from, 1)
    form.fields.splice(to, 0, field)
    drawFields()
    changed()
    document.getElementById('spoken').textContent = words.moved.replace('%(name)s', nameOf(field)).replace('%(place)s', to + 1)
    if (focus) part('fields').children[to].querySelector(focus).focus()
  }
  const OPERATORS = ['is', 'is_not', 'any_of', 'contains', 'is_not_empty', 'is_empty']
  const condition = (field, n) => {
    const earlier = form.fields.slice(0, n).filter((each) => kindOf(each).part === 'question' && each.kind !== 'file')
    if (!earlier.length && !field.when) return null
    const box = make('div')
    const draw = () => {
      const when = field.when || {}
      const operator = Object.keys(when).find((key) => key !== 'attribute')
      const isSimple = !field.when || (when.attribute && OPERATORS.includes(operator))
      const names = [['', words.always], ...earlier.map((each) => [each.key, nameOf(each)])]
      if (!isSimple) return box.replaceChildren(make('p', { class: 'text-secondary' }, words.own, ' ', make('code', {}, JSON.stringify(when))))
      const write = (attribute, key, operand) => {
        const value = key.endsWith('empty') ? true : key === 'any_of' ? String(operand).split(',').map((each) => each.trim()).filter(Boolean) : operand
        put(field, 'when', { attribute, [key]: value }, Boolean(attribute))
      }
      const operand = when[operator] === true ? '' : [].concat(when[operator] ?? '').join(', ')
      const inputs = [select(words.when, when.attribute, names, (value) => { write(value, operator || 'is', operand || '…'); draw() })]
      if (field.when) {
        inputs.push(select('', operator, OPERATORS.map((key) => [key, words[key]]), (key) => { write(when.attribute, key, operand || '…'); draw() }))
        inputs[1].querySelector('label').textContent = words[operator]
        if (!operator.endsWith('empty')) inputs.push(input(words[operator], operand, (value) => write(when.attribute, operator, value)))
      }
      box.replaceChildren(...inputs)
    }
    draw()
    return box
  }
  const choicesText = (choices) => (choices || []).map((each) => typeof each === 'string' ? each : `${each.value} = ${languages().map((code) => each.label[code] || each.value).join(' | ')}`).join('\n')
  const readChoices = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
    const [value, labels] = line.split(/ = (.*)/)
    if (!labels) return line
    const parts = labels.split('|').map((each) => each.trim())
    return { value: value.trim(), label: Object.fromEntries(languages().map((code, n) => [code, parts[n] || parts[0]])) }
  })
  const setting = (field, { name, label, type, choices }) => {
    if (type === 'choices') return [area(words.choices, choicesText(field[name]), (value) => put(field, name, readChoices(value), true), 5)]
    if (type === 'texts') return inLanguages(label, field, name)
    if (type === 'many') return [several(label, field[name], choices, (value) => put(field, name, value, value.length > 0))]
    if (type === 'choice') return [select(label, field[name], choices, (value) => put(field, name, value))]
    if (type === 'number') return [input(label, field[name], (value) => put(field, name, Number(value), value !== ''), 'number')]
    return [input(label, field[name], (value) => put(field, name, value), type === 'date' ? 'date' : 'text')]
  }
  const drawField = (field, n) => {
    const kind = kindOf(field)
    const isQuestion = kind.part === 'question'
    const button = (label, text, act, mark) => make('button', { class: 'btn btn-sm', type: 'button', 'aria-label': `${label}: ${nameOf(field)}`, title: label, onclick: act, disabled: isReadonly, [`data-${mark}`]: true }, text)
    const title = make('strong', {}, nameOf(field))
    const summary = make('summary', { draggable: !isReadonly ? 'true' : 'false', onkeydown: (event) => {
      if (!event.altKey || !/^Arrow(Up|Down)$/.test(event.key) || isReadonly) return
      event.preventDefault()
      move(n, n + (event.key === 'ArrowUp' ? -1 : 1), 'summary')
    } }, title, ' ', make('span', { class: 'text-secondary small' }, kind.label + (field.required ? ' *' : '')))
    const body = make('div', { class: 'pt-3' })
    const details = make('details', { class: 'flex-fill', ontoggle: () => {
      details.open ? opened.add(field) : opened.delete(field)
      if (details.open && !body.childElementCount) body.append(...drawBody().filter(Boolean))
    } }, summary, body)
    const drawBody = () => [
      ...(kind.part === 'consent' ? [] : inLanguages(words.label, field, 'label', () => { title.textContent = nameOf(field); changed() })),
      ...(isQuestion ? inLanguages(words.help, field, 'help') : []),
      isQuestion ? input(words.key, field.key, (value) => put(field, 'key', value, true)) : null,
      isQuestion && field.kind !== 'hidden' ? tick(words.required, field.required, (is) => put(field, 'required', is)) : null,
      isQuestion && field.kind !== 'file' ? tick(words.ask, field.ask === 'unknown', (is) => put(field, 'ask', 'unknown', is)) : null,
      isQuestion && field.kind !== 'file' ? tick(words.prefill, field.prefill, (is) => put(field, 'prefill', is)) : null,
      ...kind.settings.flatMap((each) => setting(field, each)),
      kind.part === 'question' || kind.part === 'content' ? condition(field, n) : null,
    ]
    if (opened.has(field)) details.open = true
    const item = make('li', { class: 'list-group-item d-flex gap-2 align-items-start',
      ondragstart: (event) => { event.dataTransfer.setData('text/plain', String(n)); event.dataTransfer.effectAllowed = 'move' },
      ondragover: (event) => { event.preventDefault(); item.classList.add('is-over') },
      ondragleave: () => item.classList.remove('is-over'),
      ondrop: (event) => { event.preventDefault(); move(Number(event.dataTransfer.getData('text/plain')), n) } },
    details, make('div', { class: 'btn-group' },
      button(words.up, '↑', () => move(n, n - 1, '[data-up]'), 'up'),
      button(words.down, '↓', () => move(n, n + 1, '[data-down]'), 'down'),
      button(words.remove, '×', () => { form.fields.splice(n, 1); drawFields(); changed() }, 'remove')))
    return item
  }
  const drawFields = () => part('fields').replaceChildren(...form.fields.map(drawField))
  const freeKey = (kind) => {
    const names = new Set(form.fields.map((each) => each.key))
    let n = 1
    while (names.has(n === 1 ? kind : `${kind}_${n}`)) n++
    return n === 1 ? kind : `${kind}_${n}`
  }
  const add = (kind) => {
    const texts = (text) => Object.fromEntries(languages().map((code) => [code, text]))
    const field = { key: freeKey(kind.kind), kind: kind.kind, label: texts(kind.label) }
    for (const each of kind.settings) {
      if (each.type === 'choices') field[each.name] = [{ value: 'a', label: texts('A') }, { value: 'b', label: texts('B') }]
      if (each.type === 'texts' && each.name === 'text') field[each.name] = texts('…')
    }
    if (kind.part === 'consent') delete field.label
    form.fields.push(field)
    opened.clear()
    opened.add(field)
    drawFields()
    changed()
    document.getElementById('spoken').textContent = words.added.replace('%(name)s', kind.label)
    part('fields').lastElementChild.querySelector('summary').focus()
  }
  part('palette').append(...kinds.map((kind) => make('button', { class: 'btn btn-sm', type: 'button', disabled: isReadonly, 'data-add': kind.kind, onclick: () => add(kind) }, '+ ' + kind.label)))

  // The rest of the document
  const drawTexts = () => {
    const box = part('texts')
    const page = (code, name) => [form.languages[code][name], (value) => { put(form.languages[code], name, value, Boolean(value) || name !== 'intro') }]
    box.replaceChildren(several('', languages(), known.languages, (chosen) => {
      const first = form.languages[languages()[0]]
      form.languages = Object.fromEntries(chosen.map((code) => [code, form.languages[code] || { ...first }]))
      drawTexts()
      drawFields()
      changed()
    }), ...languages().flatMap((code) => [
      input(`${box.dataset.title} (${code})`, ...page(code, 'title')), area(`${box.dataset.intro} (${code})`, ...page(code, 'intro')),
      input(`${box.dataset.button} (${code})`, ...page(code, 'button')), area(`${box.dataset.thanks} (${code})`, ...page(code, 'thanks'))]))
    box.querySelector('legend').remove()
  }
  const drawLegal = () => {
    const box = part('legal')
    const policies = [['', words.none], ...known.policies.map((each) => [each, each])]
    box.replaceChildren(select(box.dataset.objective, form.objective, known.objectives, (value) => put(form, 'objective', value, true)),
      select(box.dataset.policy, form.policy, policies, (value) => put(form, 'policy', value, true)),
      several(box.dataset.purposes, form.purposes, known.purposes, (value) => put(form, 'purposes', value, value.length > 0)))
  }
  const drawThen = () => {
    const box = part('then')
    const redirect = form.then?.redirect
    const now = redirect ? 'redirect' : form.then || 'message'
    const ways = ['message', 'download', 'redirect'].map((way) => [way, box.dataset[way]])
    const address = typeof redirect === 'string' ? redirect : Object.values(redirect || {})[0]
    box.replaceChildren(...[
      select(box.dataset.magnet, form.magnet, [['', words.none], ...known.magnets], (value) => put(form, 'magnet', value)),
      select(box.dataset.then, now, ways, (value) => { put(form, 'then', value === 'redirect' ? { redirect: 'https://' } : value, value !== 'message'); drawThen() }),
      redirect ? input(box.dataset.address, address, (value) => put(form, 'then', { redirect: value }), 'url') : null,
      several(box.dataset.notify, form.notify, known.members.map((each) => [each, each]), (value) => put(form, 'notify', value, value.length > 0)),
    ].filter(Boolean))
  }
  const drawGuard = () => {
    const box = part('guard')
    box.replaceChildren(area(box.dataset.origins, (form.origins || []).join('\n'), (value) => {
      const origins = value.split(/\s+/).filter(Boolean)
      put(form, 'origins', origins, origins.length > 0)
    }), tick(box.dataset.proof, form.proof_of_work, (is) => put(form, 'proof_of_work', is)),
    input(box.dataset.most, form.unknown_at_most, (value) => put(form, 'unknown_at_most', Number(value), value !== ''), 'number'))
  }
  drawFields()
  drawTexts()
  drawLegal()
  drawThen()
  drawGuard()
  show(known.problems, known.hints)
})()
