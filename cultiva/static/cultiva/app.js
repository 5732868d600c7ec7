// Small behaviours by attribute. Everything listens on the document, so that what htmx swaps in works too.
//
//   data-theme-choice="auto|light|dark"   a button of the theme switch
//   data-confirm="Delete this form?"      on a form, a button or a link: asks first
//   data-copy="#id" or data-copy="text"   copies the element's value or text, or the text itself;
//                                         data-copied="Copied" is shown on the button for two seconds
//   data-tick-all="name"                  a check box that ticks all of this name
//   data-autosubmit                       on a select or an input, or around several: sends the form on change
(() => {
  const closest = (event, selector) => event.target instanceof Element ? event.target.closest(selector) : null

  // Theme switch
  const showChoice = () => {
    for (const button of document.querySelectorAll('[data-theme-choice]')) {
      button.setAttribute('aria-pressed', String(button.dataset.themeChoice === window.cultivaTheme.choice()))
    }
  }
  document.addEventListener('click', (event) => {
    const button = closest(event, '[data-theme-choice]')
    if (!button) return
    try { localStorage.setItem('cultiva-theme', button.dataset.themeChoice) } catch { return }
    window.cultivaTheme.apply()
    showChoice()
    event.stopPropagation() // the menu stays open, so that the choice is seen
  }, true)
  addEventListener('storage', showChoice)
  showChoice()

  // Confirmation: in the capture phase, before htmx or the browser acts
  const refuse = (event, question) => {
    if (!question || window.confirm(question)) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }
  document.addEventListener('submit', (event) => {
    refuse(event, event.submitter?.dataset.confirm ?? event.target.dataset.confirm)
  }, true)
  document.addEventListener('click', (event) => {
    refuse(event, closest(event, 'a[data-confirm], button[type=button][data-confirm]')?.dataset.confirm)
  }, true)

  // Copy
  const textOf = (source) => {
    if (!source.startsWith('#')) return source
    const element = document.getElementById(source.slice(1))
    return element ? (element.value ?? element.textContent.trim()) : source
  }
  const copy = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text)
    const area = document.body.appendChild(document.createElement('textarea')) // plain http: no clipboard API
    area.value = text
    area.select()
    document.execCommand('copy')
    area.remove()
  }
  document.addEventListener('click', async (event) => {
    const button = closest(event, '[data-copy]')
    if (!button || button.dataset.label) return
    await copy(textOf(button.dataset.copy))
    const label = button.querySelector('[data-copy-label]') ?? button
    button.dataset.label = label.textContent
    label.textContent = button.dataset.copied ?? '✓'
    document.getElementById('spoken')?.replaceChildren(label.textContent)
    setTimeout(() => {
      label.textContent = button.dataset.label
      delete button.dataset.label
    }, 2000)
  })

  // Ticking all of a list
  document.addEventListener('change', (event) => {
    const all = closest(event, '[data-tick-all]')
    if (!all) return
    for (const box of document.getElementsByName(all.dataset.tickAll)) box.checked = all.checked
  })

  // Filters that act at once
  document.addEventListener('change', (event) => {
    if (closest(event, '[data-autosubmit]')) event.target.form?.requestSubmit()
  })
})()
