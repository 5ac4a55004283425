// Names for the page's icon buttons and a live region for answers: what Chainlit leaves unnamed.
const NAMES = {
  'sidebar-trigger-button': 'Toggle sidebar', 'search-chats-button': 'Search chats', 'new-chat-button': 'New chat',
  'theme-toggle': 'Theme', 'user-nav-button': 'User menu', 'chat-settings-open-modal': 'Settings',
  'chat-submit': 'Send', 'stop-button': 'Stop', 'readme-button': 'About askcost'
}

function named(button) {
  const kind = button.className
  if (kind.includes('positive')) return 'Helpful'
  if (kind.includes('negative')) return 'Not helpful'
  if (kind.includes('edit-message')) return 'Edit message'
  if (button.querySelector('.lucide-copy')) return 'Copy'
  return button.id.replace(/[-_]/g, ' ') || 'Button'
}

function repair() {
  for (const [id, name] of Object.entries(NAMES)) {
    const element = document.getElementById(id)
    if (element && !element.getAttribute('aria-label')) element.setAttribute('aria-label', name)
  }
  for (const button of document.querySelectorAll('button:not([aria-label])')) {
    if (!button.innerText.trim() && !button.title) button.setAttribute('aria-label', named(button))
  }
  const input = document.getElementById('chat-input')
  if (input && !input.getAttribute('aria-label')) input.setAttribute('aria-label', 'Ask a question')
  for (const menu of document.querySelectorAll('[id="thread-options"]')) {
    menu.setAttribute('role', 'button')
    menu.setAttribute('aria-label', 'Chat menu')
  }
  for (const list of document.querySelectorAll('ul[data-sidebar="menu"]')) {
    list.setAttribute('role', 'group')
    list.querySelectorAll('li').forEach((item) => item.setAttribute('role', 'none'))
  }
  for (const code of document.querySelectorAll('pre code:not([tabindex])')) code.setAttribute('tabindex', '0')
  for (const image of document.querySelectorAll('img:not([alt])')) image.setAttribute('alt', '')
  const log = document.querySelector('.message-content')?.closest('[class*=overflow-y-auto]')
  if (log && !log.getAttribute('role')) {
    log.setAttribute('role', 'log')
    log.setAttribute('aria-live', 'polite')
    log.setAttribute('tabindex', '0')
    log.setAttribute('aria-label', 'Conversation')
  }
}

let waiting = false
new MutationObserver(() => {
  if (waiting) return
  waiting = true
  requestAnimationFrame(() => { waiting = false; repair() })
}).observe(document.documentElement, { childList: true, subtree: true })
repair()
