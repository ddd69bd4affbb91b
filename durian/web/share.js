// Draws an answer as a picture to share, in the page's words and colours, without the server.
{
  const WIDTH = 1080 // pixels, of the picture; chats show this shape whole
  const HEIGHT = 1350
  const PHOTO = 840 // pixels, of its height
  const MARGIN = 64

  const found = (selector) => document.querySelector(selector)

  function drawPhoto(context, photo) {
    const scale = Math.max(WIDTH / photo.naturalWidth, PHOTO / photo.naturalHeight)
    const width = WIDTH / scale
    const height = PHOTO / scale
    const left = (photo.naturalWidth - width) / 2
    const top = (photo.naturalHeight - height) / 2
    context.drawImage(photo, left, top, width, height, 0, 0, WIDTH, PHOTO)
  }

  // A long line gets smaller letters.
  function write(context, text, bottom, size, weight = 400) {
    const { fontFamily } = getComputedStyle(document.body)
    do context.font = `${weight} ${size--}px ${fontFamily}`
    while (context.measureText(text).width > WIDTH - 2 * MARGIN)
    context.fillText(text, MARGIN, bottom)
  }

  function drawn(headline, lines) {
    const style = getComputedStyle(found("#verdict"))
    const canvas = document.createElement("canvas")
    canvas.lang = document.documentElement.lang // Chinese and Japanese draw letters differently
    canvas.width = WIDTH
    canvas.height = HEIGHT
    const context = canvas.getContext("2d")
    context.fillStyle = style.backgroundColor
    context.fillRect(0, 0, WIDTH, HEIGHT)
    drawPhoto(context, found("#photo img"))
    context.fillStyle = style.getPropertyValue("--color-accent")
    context.fillRect(0, PHOTO, WIDTH, 12)
    context.fillStyle = style.color
    write(context, headline, PHOTO + 116, 80, 700)
    context.fillStyle = getComputedStyle(found("#verdict p")).color
    lines.reverse().forEach((line, index) => write(context, line, HEIGHT - 60 * (index + 1), 40))
    return canvas
  }

  async function share() {
    const headline = found("#verdict h2").textContent
    const percent = found("#answer .confidence").textContent
    const colon = document.documentElement.lang.startsWith("zh") ? "：" : ": "
    const sure = found("#verdict .sure") ? [translated("How sure") + colon + percent] : []
    const caution = translated("An estimate from one photo, not a proof.")
    const address = location.origin + location.pathname
    const lines = [...sure, caution, "", found("#about h1").textContent, address]
    const canvas = drawn(headline, lines)
    const picture = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9))
    const files = [new File([picture], "durian.jpg", { type: picture.type })]
    try {
      const text = [headline, caution, address].join("\n") // full stops differ
      if (navigator.canShare?.({ files })) return await navigator.share({ files, text })
    } catch (error) {
      if (error.name === "AbortError") return // the visitor closed the sheet
    }
    const link = document.createElement("a")
    link.href = URL.createObjectURL(picture)
    link.download = files[0].name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
  }

  document.addEventListener("click", ({ target }) => {
    if (target.matches("#share button")) share()
  })

  // Only an answer to the photo that is shown can be shared.
  new MutationObserver(() => {
    const button = found("#share button")
    const ready = found("#photo img") && found("#verdict .hide") && found("#answer .confidence")
    if (button && button.disabled === Boolean(ready)) button.disabled = !ready
  }).observe(document.documentElement, { attributes: true, childList: true, subtree: true })
}
