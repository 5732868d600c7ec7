// What a form does in a browser, on our own page and inside an embed: fields that come and go by their conditions, steps,
// the sum that keeps programs out, and a word when somebody begins. Without it the form works as well: all is one page,
// and the server decides what was asked. No eval, no style, nothing stored.
import { solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/web/pbkdf2'

// The server decides (cultiva/criteria); this tells the same of answers, so that people see what they are asked.
const fold = (text) => String(text).normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase().normalize('NFKD')
const NUMBER = /^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/
const number = (value) => NUMBER.test(value) ? Number(value) : NaN
const equal = (value, operand) => typeof operand === 'number' ? number(value) === operand : fold(value) === fold(operand)
const some = (test) => (values, operand) => values.some((value) => test(value, operand))
const POSITIVE = {
  is: some(equal),
  any_of: some((value, operands) => operands.some((operand) => equal(value, operand))),
  all_of: (values, operands) => operands.every((operand) => values.some((value) => equal(value, operand))),
  contains: some((value, operand) => fold(value).includes(fold(operand))),
  contains_any: some((value, operands) => operands.some((operand) => fold(value).includes(fold(operand)))),
  starts_with: some((value, operand) => fold(value).startsWith(fold(operand))),
  ends_with: some((value, operand) => fold(value).endsWith(fold(operand))),
  gt: some((value, operand) => number(value) > operand),
  gte: some((value, operand) => number(value) >= operand),
  lt: some((value, operand) => number(value) < operand),
  lte: some((value, operand) => number(value) <= operand),
  between: some((value, [low, high]) => number(value) >= low && number(value) <= high),
  is_not_empty: (values) => values.length > 0,
}
const NEGATIVE = { is_not: 'is', none_of: 'any_of', does_not_contain: 'contains', is_empty: 'is_not_empty' }
const holds = (node, answers) => {
  if (node.all) return node.all.every((each) => holds(each, answers))
  if (node.any) return node.any.some((each) => holds(each, answers))
  if (node.not) return !holds(node.not, answers)
  const { attribute, ...operators } = node
  const values = (answers[attribute] || []).filter((value) => value !== '')
  const [[operator, operand]] = Object.entries(operators)
  return operator in NEGATIVE ? !POSITIVE[NEGATIVE[operator]](values, operand) : POSITIVE[operator](values, operand)
}

export const behave = (form) => {
  const { dataset } = form
  const all = (selector, within = form) => [...within.querySelectorAll(selector)]
  const controls = (within) => all('input, select, textarea', within)
  const button = form.querySelector('button[type=submit]')

  // Conditions: in the order of the page, so that an answer that is hidden counts as not given.
  const refresh = () => {
    for (const box of all('[data-when]')) {
      const answers = {}
      for (const [name, value] of new FormData(form)) (answers[name] ||= []).push(value)
      box.hidden = !holds(JSON.parse(box.dataset.when), answers)
      for (const control of controls(box)) control.disabled = box.hidden
    }
  }

  const complain = (box, text) => {
    box.querySelector('.error')?.remove()
    const line = document.createElement('p')
    line.className = 'error'
    line.setAttribute('role', 'alert')
    line.textContent = text
    box.append(line)
  }
  const isMissing = (box) => {
    const all = controls(box).filter((each) => !each.disabled)
    return all.length && !all.some((each) => /radio|checkbox/.test(each.type) ? each.checked : each.value.trim())
  }
  const isLarge = (box) => controls(box).some((each) => [...each.files || []].some((file) => file.size > each.dataset.mostMb * 1048576))
  const check = (within) => {
    const wrong = all('.field', within).filter((box) => {
      box.querySelector('.error')?.remove()
      if (box.hidden) return false
      const text = isLarge(box) ? dataset.large : 'required' in box.dataset && isMissing(box) ? dataset.missing : ''
      if (text) complain(box, text)
      return text
    })
    controls(wrong[0] || document.createElement('i'))[0]?.focus()
    return !wrong.length
  }

  // Steps
  const steps = all('.step')
  let current = 0
  if (steps.length > 1) {
    const line = document.createElement('p')
    line.className = 'note steps'
    line.setAttribute('role', 'status')
    const make = (text, act) => Object.assign(document.createElement('button'), { type: 'button', textContent: text, onclick: act })
    const go = (to, isByHand) => {
      current = to
      steps.forEach((step, n) => { step.hidden = n !== to })
      back.hidden = !to
      next.hidden = to === steps.length - 1
      button.hidden = !next.hidden
      line.textContent = dataset.step.replace('%(n)s', to + 1).replace('%(all)s', steps.length)
      if (isByHand) (steps[to].querySelector('.step-title') || controls(steps[to])[0])?.focus()
    }
    const back = make(dataset.back, () => go(current - 1, true))
    const next = make(dataset.next, () => check(steps[current]) && go(current + 1, true))
    back.className = 'quiet'
    form.prepend(line)
    button.before(back, next)
    const faulty = steps.findIndex((step) => step.querySelector('.error'))
    go(Math.max(0, faulty))
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || next.hidden || !event.target.matches?.('input:not([type=checkbox])')) return
      event.preventDefault()
      next.click()
    })
  }

  // The sum, begun when somebody begins; sending waits for it.
  const field = form.querySelector('[name=form-proof]')
  let solving
  const solve = async () => {
    const challenge = JSON.parse(dataset.sum)
    const solution = await solveChallenge({ challenge, deriveKey })
    field.value = btoa(JSON.stringify({ challenge, solution }))
  }
  const begin = () => {
    form.removeEventListener('focusin', begin)
    if (field && crypto.subtle) solving = solve().catch(() => {}) // no sum: a person looks at what was sent
    const body = new URLSearchParams({ 'form-token': form.querySelector('[name=form-token]').value })
    fetch(new URL(dataset.started, form.dataset.base || location), { method: 'POST', body, credentials: 'omit', keepalive: true, mode: 'no-cors' }).catch(() => {})
  }
  form.addEventListener('focusin', begin)
  form.addEventListener('input', refresh)
  form.addEventListener('change', refresh)
  refresh()
  return { ready: async () => check(form) && (await solving, true), isSolved: () => !field || field.value || !solving }
}
