// Days, hours and minutes to go, in the place of the day itself. A page without scripts shows the day.
for (const place of document.querySelectorAll('[data-countdown]')) {
  const { days, hours, minutes, over } = place.dataset
  const whole = place.textContent
  const until = new Date(place.dateTime)
  place.title = whole
  const show = () => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 60000))
    if (!left) place.textContent = over || whole
    else place.textContent = `${Math.floor(left / 1440)} ${days} ${Math.floor(left / 60) % 24} ${hours} ${left % 60} ${minutes}`
    if (left) setTimeout(show, 20000)
  }
  show()
}
