// Sets the theme before the first paint: loaded in <head> without defer. app.js holds the switch.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const choice = () => {
    try { return localStorage.getItem('cultiva-theme') || 'auto' } catch { return 'auto' } // storage may be forbidden
  }
  const apply = () => {
    const theme = choice() === 'auto' ? (dark.matches ? 'dark' : 'light') : choice()
    document.documentElement.setAttribute('data-bs-theme', theme)
  }
  dark.addEventListener('change', apply)
  addEventListener('storage', apply) // another tab switched
  window.cultivaTheme = { choice, apply }
  apply()
})()
