// A photo is known by how its file begins, as on the server. Browsers go by its name, so a file without
// an extension has no type for them, nor has HEIC on Windows, and Gradio turns it away.
{
  const BEGINNINGS = {
    "image/jpeg": /^\xff\xd8/,
    "image/png": /^\x89PNG/,
    "image/gif": /^GIF8/,
    "image/webp": /^RIFF....WEBP/s,
    "image/bmp": /^BM/,
    "image/tiff": /^(II\*\0|MM\0\*)/,
    "image/heic": /^....ftyp(hei|hev|mif1|msf1)/s,
    "image/avif": /^....ftypavi/s,
  }
  const done = new WeakSet() // events

  async function typed(file) {
    if (file.type.startsWith("image/")) return file
    const start = String.fromCharCode(...new Uint8Array(await file.slice(0, 16).arrayBuffer()))
    const type = Object.keys(BEGINNINGS).find((type) => BEGINNINGS[type].test(start))
    return type ? new File([file], file.name, { type }) : file
  }

  // Gradio takes files that are chosen as it takes those that are dropped.
  async function check(event) {
    const { target } = event
    const files = [...(event.dataTransfer ?? target).files ?? []]
    if (done.has(event) || !target.closest?.("#photo")) return
    if (files.every((file) => file.type.startsWith("image/"))) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const transfer = new DataTransfer()
    for (const file of files) transfer.items.add(await typed(file).catch(() => file))
    const options = { bubbles: true, cancelable: true, dataTransfer: transfer }
    const drop = new DragEvent("drop", options)
    done.add(drop)
    target.dispatchEvent(drop)
  }

  addEventListener("change", check, true)
  addEventListener("drop", check, true)
}
