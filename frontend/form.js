// The behaviour of a form on a page of ours.
import { behave } from './form-behaviour.js'

for (const form of document.querySelectorAll('form.capture')) {
  const { ready } = behave(form)
  let isSent = false
  form.addEventListener('submit', async (event) => {
    if (isSent) return
    event.preventDefault()
    if (!await ready()) return
    isSent = true
    setTimeout(() => form.requestSubmit()) // not within this event: browsers send no form while they are sending it
    setTimeout(() => { isSent = false }, 3000)
  })
}
