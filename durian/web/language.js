// Sets the page's language before Gradio starts: the one chosen on the page, or the browser's, which
// the server wrote into <html>.
{
  const page = document.documentElement
  const words = gradio_config.i18n_translations
  const asked = page.lang
  let chosen
  try {
    chosen = localStorage.getItem("language")
  } catch {} // a frame may not be allowed to store anything
  const language = Object.hasOwn(words, chosen) ? chosen : asked

  // Gradio would mix its own translations with ours, in Chinese for example. So it is told that the
  // language is English, and our translations take the place of English. page.js does the rest.
  Object.defineProperty(navigator, "language", { value: "en" })
  words.en = words[language]
  gradio_config.title = words[language][gradio_config.title] ?? gradio_config.title
  page.lang = language
  const keep = () => page.lang === language || (page.lang = language)
  new MutationObserver(keep).observe(page, { attributeFilter: ["lang"] })

  // The server answers in the same language.
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
