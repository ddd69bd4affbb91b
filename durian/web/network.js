// If the network is gone, the page says so, keeps the photo, and sends it again after a tap.
// Gradio 6.31 says so in English and reloads the page without the photo: gradio-app/gradio#8881.
// This file can go once Gradio keeps what a visitor entered.
{
  const GONE = "No connection just now."
  const SILENCE = 45_000 // milliseconds; the server says something every 15 seconds
  const send = window.fetch
  let kept // the last photo that could not be sent: {path, address, options, sent}
  let count = 0

  // Return null if the app was not reached: no answer, or a proxy's page instead of the app's JSON.
  async function reach(address, options) {
    try {
      const answer = await send(address, options)
      const text = await answer.text() // all of it, while the connection lasts
      const { status, headers } = answer
      const isOurs = headers.get("content-type")?.startsWith("application/json")
      return status >= 500 && !isOurs ? null : new Response(text, { status, headers })
    } catch {
      return null
    }
  }

  // If the photo does not arrive, keep it and tell Gradio that it did, so that Gradio shows it.
  async function upload(address, options) {
    const answer = await reach(address, options)
    if (answer) return answer.status === 413 ? new Response("", { status: 413 }) : answer
    kept = { path: `kept-photo-${++count}`, address, options }
    return Response.json([kept.path])
  }

  // Return why the app refuses, or GONE if the app was not reached.
  async function detail(answer) {
    try {
      return (await answer.json()).detail
    } catch {
      return GONE
    }
  }

  // Send a kept photo before the question about it.
  async function withPhoto(body) {
    if (!kept || !body.includes(kept.path)) return body
    if (!kept.sent) {
      const answer = await reach(kept.address, kept.options)
      if (!answer?.ok) throw Error(answer?.status === 413 ? "too heavy" : await detail(answer))
      kept.sent = JSON.stringify((await answer.json())[0]).slice(1, -1)
    }
    return body.replaceAll(kept.path, kept.sent)
  }

  // To Gradio, a failure here is a refusal by the server.
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

  // All answers come in one stream. If it breaks, every open question has failed.
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

  durian.isGone = (reason) => reason === translated(GONE)
  durian.keptPhoto = (address) =>
    kept && address.endsWith(kept.path) && URL.createObjectURL(kept.options.body.get("files"))
}
