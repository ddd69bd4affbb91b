// Recognises a photo by its first bytes, as the server does. Browsers go by the file's name: they
// know no type for a file without an extension, nor for HEIC on Windows, and Gradio refuses it.
{
  const SIGNATURES = {
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
    const type = Object.keys(SIGNATURES).find((type) => SIGNATURES[type].test(start))
    return type ? new File([file], file.name, { type }) : file
  }

  // A file that was chosen is dropped again: Gradio handles both alike.
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
