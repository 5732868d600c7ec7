// Shows the consent banner in a frame of the product's own, where no choice is sent or kept.
window.NOTICE = JSON.parse(document.getElementById('notice').textContent)
window.cultiva = { track() {}, consent() {} }
