// What the page does in the browser, without asking the server.

// Translate an English text, or a key of `content.translations`, into the page's language.
const translated = (text) =>
  window.gradio_config?.i18n_translations?.[document.documentElement.lang]?.[text] ?? text

window.durian = {
  // A sample that is clicked becomes the photo: the browser has it already.
  choose(index) {
    durian.isOneOfSeveral = false
    const url = document.querySelectorAll("#samples img")[index].src
    return { url, path: decodeURI(url.split("file=")[1]), meta: { _type: "gradio.FileData" } }
  },

  // An answer in words, and the bars in the visitor's language.
  say(answer, thresholds) {
    if (!answer?.confidences) return [{ __type__: "update" }, { __type__: "update" }]
    const sure = answer.confidences[0].confidence >= (thresholds[answer.label] ?? Infinity)
    const rows = answer.confidences.map((row) => ({ ...row, label: translated(row.label) }))
    const same = rows.every((row, index) => row.label === answer.confidences[index].label)
    const bars = same ? { __type__: "update" } : { ...answer, confidences: rows }
    const others = durian.isOneOfSeveral ? `<p>${translated("Only the first photo was looked at.")}</p>` : ""
    return [translated(`${sure ? "sure" : "unsure"} ${answer.label}`) + others, bars]
  },

  // Without a photo there is no answer.
  clear() {
    return [translated("empty"), {}]
  },

  // Close the last photo's heat map and messages, which do not apply to the next photo.
  forget() {
    for (const close of document.querySelectorAll(".toast-close")) close.click()
    return [{ __type__: "update", open: false }, null]
  },

  // Show a refusal where the answer would be, not in a notice that disappears; clear the last answer.
  async refuse() {
    let notice
    for (let frame = 0; frame < 120 && !notice; frame++) {
      await new Promise(requestAnimationFrame)
      notice = document.querySelector(".toast-body.error")
    }
    const reason = notice?.querySelector(".toast-message-text").innerHTML ?? ""
    notice?.querySelector(".toast-close").click()
    if (durian.isGone(reason)) return [translated("gone"), {}]
    return [`<div class="doubt"><h2>${translated("No answer yet")}</h2><p>${reason}</p></div>`, {}]
  },
}

// Shown in place of a photo that the browser cannot show, such as HEIC. A kept photo is shown from
// memory, because it is not on the server.
const PLACEHOLDER =
  "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='-96 -72 192 144' fill='none'" +
  " stroke='gray' stroke-width='2'><rect x='-20' y='-16' width='40' height='32' rx='4'/>" +
  "<circle cx='-9' cy='-6' r='4'/><path d='m-20 12 13-12 8 7 9-9 10 9'/></svg>"
document.addEventListener(
  "error",
  ({ target }) => {
    if (!target.matches?.("#photo img") || target.src === PLACEHOLDER) return
    target.src = durian.keptPhoto(target.src) || PLACEHOLDER
  },
  true,
)

// Gradio gives samples no alt text, makes each bar a button that does nothing, and has some texts
// in English only.
new MutationObserver(() => {
  for (const sample of document.querySelectorAll("#samples img")) {
    sample.alt = translated(sample.src.split(/[/.]/).at(-2))
  }
  for (const bar of document.querySelectorAll("#answer button")) bar.tabIndex = -1
  for (const element of document.querySelectorAll("[aria-label], [alt], [title]")) {
    for (const { name, value } of [...element.attributes]) {
      if (translated(value) !== value) element.setAttribute(name, translated(value))
    }
  }
  for (const element of document.querySelectorAll("#photo, footer, .toast-message-text")) {
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      const text = texts.currentNode.data
        .trim()
        .replace(/^Uploading \d+\s+files?\.\.\.$/, "Sending the photo…")
        .replace(/^Invalid file type.*/, "not a photo")
        .replace(/^HTTP 413.*/s, "too heavy")
        .replace(/^HTTP \d+: \{"detail":"(.*)"\}$/s, "$1")
      if (translated(text) !== texts.currentNode.data.trim()) texts.currentNode.data = translated(text)
    }
  }
}).observe(document.documentElement, { childList: true, subtree: true })
