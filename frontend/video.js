// The player of a video magnet. `data-gate`: stop at this second and show what comes then. `data-tell`: say once each
// that a quarter was seen. Without a script the video plays and nothing is said.
'use strict'

const QUARTERS = [25, 50, 75, 100]

for (const video of document.querySelectorAll('video')) {
  if (video.dataset.gate) stopAt(video, Number(video.dataset.gate))
  if ('tell' in video.dataset) tellQuarters(video)
}

function stopAt(video, second) {
  const gate = document.querySelector('.gate')
  gate.hidden = true
  video.addEventListener('timeupdate', () => {
    if (video.currentTime < second || !gate.hidden) return
    video.pause()
    video.controls = false
    gate.hidden = false
    gate.focus()
  })
  video.addEventListener('play', () => { if (!gate.hidden) video.pause() })
}

// Counted by what was played, not by where somebody jumped to.
function tellQuarters(video) {
  const left = [...QUARTERS]
  video.addEventListener('timeupdate', tell)
  video.addEventListener('ended', tell)
  function tell() {
    const percent = (seconds(video.played) / video.duration) * 100
    while (left.length && percent >= left[0] - 0.5) send(left.shift())
  }
}

function seconds(ranges) {
  let sum = 0
  for (let n = 0; n < ranges.length; n++) sum += ranges.end(n) - ranges.start(n)
  return sum
}

function send(percent) {
  const body = new URLSearchParams({ act: 'progress', percent, quietly: '1' })
  fetch(location.pathname, { method: 'POST', body, keepalive: true }).catch(() => {})
}
