// What the page does by itself, without asking the server.

window.durian = {
  // A sample that is clicked becomes the photo: the browser has it already.
  choose(index) {
    const url = document.querySelectorAll("#samples img")[index].src
    return { url, path: decodeURI(url.split("file=")[1]), meta: { _type: "gradio.FileData" } }
  },

  // An answer in words, and the guide with the named breed first; `words` has both by label, for
  // answers that are not sure and for those that are.
  say(answer, threshold, words, nothing) {
    const sure = answer?.confidences?.[0].confidence >= threshold
    return words[answer?.label]?.[Number(sure)] ?? nothing
  },

  // Without a photo there is no answer.
  clear() {
    return {}
  },

  // Where the network looked in the last photo is not to be taken for the next one's.
  forget() {
    return [{ __type__: "update", open: false }, null]
  },
}

// Gradio gives samples no name that could be read out; their files have one.
new MutationObserver(() => {
  for (const sample of document.querySelectorAll("#samples img")) {
    sample.alt = sample.src.split(/[/.]/).at(-2).replaceAll("-", " ")
  }
}).observe(document.documentElement, { childList: true, subtree: true })
