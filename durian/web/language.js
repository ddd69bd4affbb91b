// Runs before Gradio: in which language the page speaks. The server wrote into <html> which one the
// browser asks for; one that was chosen on the page comes first.
{
  const page = document.documentElement
  const words = gradio_config.i18n_translations
  const asked = page.lang
  let chosen
  try {
    chosen = localStorage.getItem("language")
  } catch {} // frames may be denied a storage
  const language = Object.hasOwn(words, chosen) ? chosen : asked

  // Gradio knows some of our languages, and would mix its own Chinese with ours, say. It gets English
  // instead, where ours stand, and page.js translates the rest.
  Object.defineProperty(navigator, "language", { value: "en" })
  words.en = words[language]
  gradio_config.title = words[language][gradio_config.title] ?? gradio_config.title
  page.lang = language
  const keep = () => page.lang === language || (page.lang = language)
  new MutationObserver(keep).observe(page, { attributeFilter: ["lang"] })

  // What the server says comes in the same language.
  const send = window.fetch
  window.fetch = (address, options = {}) => {
    const headers = new Headers(options.headers ?? address.headers)
    headers.set("Accept-Language", language)
    return send(address, { ...options, headers })
  }

  // The browser's own language is not stored, so that the page follows when it changes.
  window.offerLanguages = (element) => {
    element.querySelector("[hidden]").hidden = false
    element.addEventListener("click", ({ target: { value } }) => {
      if (!value) return
      try {
        if (value === asked) localStorage.removeItem("language")
        else localStorage.setItem("language", value)
      } catch {}
      location.reload()
    })
  }
}
