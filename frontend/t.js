// The tracking script. It stores nothing in the browser and sends no lasting id before the visitor consents; it needs
// no eval, no style and no library, and whatever goes wrong in it stays in it. ES2017 with import(), at most 3 KB
// gzipped, minified by build.mjs. What it sends and its attributes: docs/reference/tracking-script.md
(() => {
  const { src, dataset: { key, off = '', category = 'analytics', gpc, host, banner } } = document.currentScript || { dataset: {} }
  const api = window.cultiva = window.cultiva || []
  if (api.version || !key) return
  api.version = '1'

  const ADDRESS = (host || new URL(src).origin) + '/v1/b'
  const COOKIE = '_cultiva_id'
  const UNSENT = '_cultiva_unsent' // in localStorage, after consent only
  const MAX_BODY = 6e4 // browsers carry 64 KB beyond the end of a page
  const MAX_EVENT = 32e3 // the collector takes 32 KB
  const CAMPAIGN = /^(utm|mtm)_([a-z_]{1,40})$/
  const CLICK_ID = /^(gclid|gbraid|wbraid|dclid|srsltid|fbclid|msclkid|li_fat_id|ttclid|twclid|epik|sccid|rdt_cid|yclid|mc_cid)$/
  const PERSON_ID = /^(mc_eid|_hsenc|_hsmi|hsctatracking|mkt_tok|vero_id|_kx)$/
  const FILE = /\.(pdf|docx?|xlsx?|pptx?|od[pst]|csv|txt|zip|rar|7z|gz|dmg|exe|msi|apk|mp[34]|mov)$/
  const VIDEO_HOST = /\b(youtube|vimeo)(-nocookie)?\.com$/

  const { assign } = Object
  // Nothing of ours may disturb the page.
  const safe = (act) => (...values) => { try { return act(...values) } catch (error) { /* the page goes on */ } }
  const on = (target, names, act) => names.split(' ').forEach((name) => target.addEventListener(name, safe(act), true))
  const wanted = (what) => !off.includes(what)
  const uuid = () => 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'
    .replace(/x/g, () => (crypto.getRandomValues(new Uint8Array(1))[0] & 15).toString(16))

  // Who: the cookie is there only after consent, so finding it means consent.
  const isRefused = navigator.globalPrivacyControl && gpc != 'ask'
  const setCookie = (seconds) => {
    document.cookie = `${COOKIE}=${visitor};path=/;max-age=${seconds};samesite=lax` + (location.protocol == 'https:' ? ';secure' : '')
  }
  const remember = () => setCookie(390 * 86400)
  const forget = () => {
    setCookie(0)
    localStorage.removeItem(UNSENT)
  }
  let visitor = uuid() // of this page load
  let isAgreed, userId, heldIdentify

  // Where: an address without what names a person; before consent without campaign and click ids too.
  const cleaned = (address) => {
    const url = new URL(address, location.href)
    url.hash = ''
    url.search = url.search.slice(1).split('&').filter((pair) => {
      const name = pair.split('=')[0].toLowerCase()
      return !PERSON_ID.test(name) && (isAgreed || !CLICK_ID.test(name) && !CAMPAIGN.test(name))
    }).join('&')
    return url
  }
  let campaign, clickIds, referrer = document.referrer
  const readCampaign = () => new URL(location).searchParams.forEach((value, name) => {
    name = name.toLowerCase()
    const part = (name.match(CAMPAIGN) || [])[2]
    value = value.slice(0, 512)
    if (part) campaign = assign({ [part.replace('campaign', 'name')]: value }, campaign) // the first one wins
    if (CLICK_ID.test(name)) clickIds = assign({ [name]: value }, clickIds)
  })
  const place = () => {
    const { pathname, search, href } = cleaned(location)
    return { path: pathname, referrer: referrer && cleaned(referrer).href, search, title: document.title, url: href }
  }

  // The queue: events as JSON texts, sent one batch at a time.
  let queue = [], isSending, timer, tries = 0
  const bytes = (text) => new Blob([text]).size
  const put = (type, event) => {
    const text = JSON.stringify(assign({
      type, messageId: uuid(), timestamp: new Date(), anonymousId: visitor, userId,
      context: {
        page: place(), locale: navigator.language, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        campaign: isAgreed && campaign, click_ids: isAgreed && clickIds, library: { name: 'cultiva', version: api.version },
        consent: { categoryPreferences: { [category]: !!isAgreed } },
      },
    }, event))
    if (bytes(text) > MAX_EVENT) return console.warn('cultiva: too large')
    queue.push(text)
    if (queue.length > 9) send()
    else wait(1e3)
    return text
  }
  const wait = (milliseconds) => { timer = timer || setTimeout(safe(() => send()), milliseconds) }
  const send = async (isLeaving) => {
    clearTimeout(timer)
    timer = 0
    if (!queue[0] || isSending && !isLeaving) return
    let size = 0, count = 0, seconds, isDone
    while (queue[count] && (size += bytes(queue[count]) + 1) < MAX_BODY) count++
    const batch = queue.splice(0, count)
    const body = `{"writeKey":${JSON.stringify(key)},"sentAt":${JSON.stringify(new Date())},"batch":[${batch}]}`
    if (isLeaving) {
      send(1)
      if (!('keepalive' in Request.prototype)) return navigator.sendBeacon(ADDRESS, body)
    }
    isSending = 1
    try {
      const answer = await fetch(ADDRESS, { method: 'POST', body, keepalive: true, credentials: 'omit' })
      await answer.text() // until it is read, the browser counts the batch against its 64 KB
      isDone = answer.status != 429 && answer.status < 500
      seconds = answer.headers.get('retry-after')
    } catch (error) { /* tried again below */ }
    isSending = 0
    if (isDone) {
      tries = 0
      return send()
    }
    if (++tries < 10) queue = batch.concat(queue)
    wait(seconds * 1e3 || Math.min(6e4, 1e3 * 2 ** tries) * (.5 + Math.random() / 2))
  }
  const leave = () => {
    const unsent = `[${queue.slice(0, 99)}]`
    send(1)
    if (isAgreed && tries) localStorage[UNSENT] = unsent // the collector did not answer: the next page tries again
  }

  // The verbs
  let lastPage, lastText
  const page = (name, properties) => {
    if (typeof name == 'object') [name, properties] = [undefined, name]
    lastPage = { name, messageId: uuid(), properties }
    showPage()
  }
  const showPage = () => { lastText = put('page', assign({}, lastPage, { properties: assign(place(), lastPage.properties) })) }
  const track = (event, properties) => { put('track', { event, properties }) }
  const identify = (id, traits) => {
    if (typeof id == 'object') [id, traits] = [undefined, id]
    if (!isAgreed) return heldIdentify = [id, traits] // nobody is named before consent
    userId = id || userId
    put('identify', { traits })
  }
  const consent = (isGiven) => {
    if (!isGiven || isRefused) {
      if (isAgreed) visitor = uuid()
      isAgreed = userId = heldIdentify = undefined
      forget()
    } else if (!isAgreed) {
      isAgreed = 1
      visitor = uuid() // not that of before: what was done without consent stays apart
      safe(remember)()
      if (lastPage) { // this page counts as seen with consent: the same message, so it is never counted twice
        queue = queue.filter((text) => text != lastText)
        showPage()
      }
      if (heldIdentify) identify(...heldIdentify)
    }
  }
  const reset = () => {
    userId = heldIdentify = undefined
    visitor = uuid()
    if (isAgreed) remember()
  }
  const verbs = { page, track, identify, consent, reset }

  // What people do on the page
  let shown
  const see = () => {
    shown = new URL(location)
    page()
  }
  const moved = (isReplaced) => {
    if (location.pathname == shown.pathname && (isReplaced || location.search == shown.search)) return
    referrer = shown.href
    see()
  }
  const watchPages = () => {
    ['pushState', 'replaceState'].forEach((name, isReplaced) => {
      const original = history[name]
      history[name] = function () {
        original.apply(this, arguments)
        setTimeout(safe(moved), 0, isReplaced) // the page sets its title first
      }
    })
    on(window, 'popstate', () => moved())
    on(window, 'pageshow', (event) => { if (event.persisted) see() })
    see()
  }
  const clicked = ({ target }) => {
    const link = target.closest('a[href]')
    const url = cleaned(link.href)
    const extension = (url.pathname.toLowerCase().match(FILE) || [])[1]
    if (!/^http/.test(url)) return
    if (extension || link.hasAttribute('download')) {
      if (wanted('download')) track('File Downloaded', { url, file: url.pathname.split('/').pop(), extension })
    } else if (url.host != location.host && wanted('outbound')) track('Outbound Link Clicked', { url, domain: url.hostname })
  }
  const submitted = ({ target }) => {
    const given = (name) => target.getAttribute(name) || undefined
    track('Form Submitted', { form_id: given('id'), form_name: given('name'), action: cleaned(given('action') || '').pathname })
  }
  const reached = new WeakMap() // {player: [address, percent]}
  const played = (player, provider, name, address, at, seconds) => {
    const [known, before] = reached.get(player) || []
    let last = known == address ? before : 0
    while (last + 25 <= at / seconds * 100) {
      last += 25
      track('Video Progress', { percent: last, video: name, url: cleaned(address), seconds: Math.round(seconds), provider })
    }
    reached.set(player, [address, last])
  }
  const ownVideo = ({ target, type }) => {
    if (target.videoWidth >= 0 && !target.loop) { // loops are decoration
      played(target, 'html5', target.id || target.title, target.currentSrc, type == 'ended' ? target.duration : target.currentTime - 1e-3, target.duration)
    }
  }
  // YouTube (with enablejsapi=1) and Vimeo tell their page how far a video is, when asked.
  const told = new WeakMap()
  const ask = ({ contentWindow }) => {
    contentWindow.postMessage('{"event":"listening","method":"addEventListener","value":"timeupdate"}', '*')
  }
  const frames = () => [...document.querySelectorAll('iframe[src*="youtube"],iframe[src*="vimeo"]')]
  const heard = ({ origin, source, data }) => {
    const provider = origin.match(VIDEO_HOST)[1]
    const frame = frames().find((each) => each.contentWindow == source)
    const { info, data: moment } = typeof data == 'object' ? data : JSON.parse(data)
    const known = assign({}, told.get(frame), info, moment)
    told.set(frame, known)
    played(frame, provider, frame.id || frame.title, frame.src, (known.currentTime || known.seconds) * 1.005, known.duration)
  }

  const start = () => {
    safe(() => {
      const known = document.cookie.match(`(^|; )${COOKIE}=([\\w-]{36})`)
      if (known && isRefused) forget()
      else if (known) {
        isAgreed = 1
        visitor = known[2]
        const unsent = JSON.parse(localStorage[UNSENT] || '[]')
        localStorage.removeItem(UNSENT)
        queue = unsent.map((each) => JSON.stringify(each))
      }
    })()
    safe(readCampaign)()
    const waiting = api.splice(0)
    for (const name in verbs) api[name] = safe(verbs[name])
    api.push = safe(([name, ...values]) => api[name](...values))
    if (wanted('page')) safe(watchPages)()
    waiting.forEach(api.push)
    on(document, 'click auxclick', clicked)
    if (wanted('form')) on(document, 'submit', submitted)
    if (wanted('video')) {
      on(document, 'timeupdate ended', ownVideo)
      on(window, 'message', heard)
      on(document, 'load', ({ target }) => { if (frames().includes(target)) ask(target) })
      frames().forEach(safe(ask))
    }
    on(document, 'visibilitychange', () => { if (document.hidden) leave() })
    on(window, 'pagehide', leave)
    if (banner && !isRefused) import(src.replace('t.js', 'banner/' + key)).catch(safe)
  }
  if (document.prerendering) on(document, 'prerenderingchange', start)
  else start()
})()
