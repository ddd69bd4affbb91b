// The network may go away: then the photo is kept, the page says so, and a tap sends it again.
// Gradio 6.31 says so in English and loads the page anew, without the photo: gradio-app/gradio#8881.
// This file can go once Gradio keeps what a visitor entered.
{
  const GONE = "No connection just now."
  const SILENCE = 45_000 // milliseconds; the server says something every 15 seconds
  const send = window.fetch
  let kept // the last photo that could not be sent: {path, address, options, sent}
  let count = 0

  // Null where nobody is reached: a proxy's own page comes instead of the app's JSON.
  async function reach(address, options) {
    try {
      const answer = await send(address, options)
      const text = await answer.text() // all of it, before the line breaks
      const { status, headers } = answer
      const isOurs = headers.get("content-type")?.startsWith("application/json")
      return status >= 500 && !isOurs ? null : new Response(text, { status, headers })
    } catch {
      return null
    }
  }

  // Gradio takes a photo that did not arrive for one that did, and shows it.
  async function upload(address, options) {
    const answer = await reach(address, options)
    if (answer) return answer.status === 413 ? new Response("", { status: 413 }) : answer
    kept = { path: `kept-photo-${++count}`, address, options }
    return Response.json([kept.path])
  }

  // Why the app itself refuses, or that nobody is reached.
  async function detail(answer) {
    try {
      return (await answer.json()).detail
    } catch {
      return GONE
    }
  }

  // Send a kept photo before what is asked about it.
  async function withPhoto(body) {
    if (!kept || !body.includes(kept.path)) return body
    if (!kept.sent) {
      const answer = await reach(kept.address, kept.options)
      if (!answer?.ok) throw Error(answer?.status === 413 ? "too heavy" : await detail(answer))
      kept.sent = JSON.stringify((await answer.json())[0]).slice(1, -1)
    }
    return body.replaceAll(kept.path, kept.sent)
  }

  // What fails here fails as a call that the server refuses does.
  async function ask(address, options) {
    let reason = GONE
    try {
      const answer = await reach(address, { ...options, body: await withPhoto(options.body) })
      if (answer && answer.status !== 503) return answer
      if (answer) reason = await detail(answer)
    } catch (error) {
      reason = error.message
    }
    return Response.json({ detail: reason }, { status: 500 })
  }

  // The answers come as one stream. When it breaks, all that is still asked has failed.
  async function listen(request) {
    const output = { error: GONE, visible: true, duration: 10 }
    const messages = [
      { msg: "process_completed", success: false, output },
      { msg: "close_stream" },
    ]
    const failed = messages.map((message) => `\n\ndata: ${JSON.stringify(message)}\n\n`).join("")
    let answer
    try {
      answer = await send(request)
    } catch (error) {
      if (error.name === "AbortError") throw error
    }
    if (!answer?.ok) return new Response(failed)
    const reader = answer.body.getReader()
    async function pull(stream) {
      let timer
      try {
        const silence = new Promise((_, reject) => (timer = setTimeout(reject, SILENCE)))
        const { done, value } = await Promise.race([reader.read(), silence])
        done ? stream.close() : stream.enqueue(value)
      } catch (error) {
        if (error?.name === "AbortError") return stream.error(error)
        stream.enqueue(new TextEncoder().encode(failed))
        stream.close()
      } finally {
        clearTimeout(timer)
      }
    }
    return new Response(new ReadableStream({ pull, cancel: (reason) => reader.cancel(reason) }))
  }

  window.fetch = (address, options) => {
    const route = String(address.url ?? address).match(/\/gradio_api\/(upload|queue\/\w+)/)?.[1]
    if (route === "upload" && options?.body instanceof FormData) return upload(address, options)
    if (route === "queue/join") return ask(address, options)
    if (route === "queue/data") return listen(address)
    return send(address, options)
  }

  durian.isGone = (reason) => reason === spoken(GONE)
  durian.keptPhoto = (address) =>
    kept && address.endsWith(kept.path) && URL.createObjectURL(kept.options.body.get("files"))
}
