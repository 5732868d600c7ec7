// What the screens that build forms and pages are made of: elements without HTML from text, and labelled controls.
let lastId = 0

export const elements = (isReadonly) => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
      else if (value === true) element.setAttribute(name, '')
      else if (value !== false && value !== undefined) element.setAttribute(name, value)
    }
    element.append(...children.filter((child) => child !== null))
    return element
  }
  const labelled = (label, control, help) => {
    control.id = control.id || `builder-${++lastId}`
    return make('div', { class: 'mb-3' }, make('label', { class: 'form-label', for: control.id }, label), control)
  }
  const input = (label, value, change, type = 'text') => labelled(label, make('input', { class: 'form-control', type, value: value ?? '', disabled: isReadonly, oninput: (event) => change(event.target.value) }))
  const area = (label, value, change, rows = 3) => {
    const control = make('textarea', { class: 'form-control', rows, disabled: isReadonly, oninput: (event) => change(event.target.value) })
    control.value = value ?? ''
    return labelled(label, control)
  }
  const select = (label, value, choices, change) => {
    const control = make('select', { class: 'form-select', disabled: isReadonly, onchange: (event) => change(event.target.value) },
      ...choices.map(([key, text]) => make('option', { value: key }, text)))
    control.value = value ?? ''
    return labelled(label, control)
  }
  const tick = (label, value, change) => {
    const box = make('input', { class: 'form-check-input', type: 'checkbox', disabled: isReadonly, onchange: (event) => change(event.target.checked) })
    box.checked = Boolean(value)
    return make('label', { class: 'form-check' }, box, make('span', { class: 'form-check-label' }, label))
  }
  const several = (label, values, choices, change) => {
    const chosen = new Set(values || [])
    return make('fieldset', { class: 'mb-3' }, make('legend', { class: 'form-label' }, label), ...choices.map(([key, text]) => tick(text, chosen.has(key), (is) => {
      is ? chosen.add(key) : chosen.delete(key)
      change(choices.map(([each]) => each).filter((each) => chosen.has(each)))
    })))
  }
  return { make, labelled, input, area, select, tick, several }
}
