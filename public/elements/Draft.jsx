// A rule that waits for its confirmation: what it is, and what it would have sent. Fetched, so that no figures stay with the chat.
import { useEffect, useState } from 'react'
import { Button } from '@/components/ui/button'

export default function Draft() {
  const [draft, setDraft] = useState(null)
  const [problem, setProblem] = useState('')
  const [state, setState] = useState('')
  useEffect(() => {
    let gone = false
    fetch(`/alerts/draft?words=${encodeURIComponent(props.words)}`)
      .then(async (reply) => {
        const body = await reply.json()
        if (gone) return
        if (!reply.ok) return setProblem(typeof body.detail === 'string' ? body.detail : 'The alert can’t be shown just now.')
        setDraft(body)
        if (body.kept) setState('kept')
      })
      .catch(() => gone || setProblem('The server can’t be reached; reload the page in a moment.'))
    return () => { gone = true }
  }, [props.words])
  if (problem) return <p className="ac-quiet" role="status">{problem}</p>
  if (!draft) return <p className="ac-quiet" role="status">Looking at what it would have sent…</p>
  const keep = async () => {
    setState('busy')
    try {
      await callAction({ name: 'keep_alert', payload: { words: props.words, seal: props.seal } })
      setState('kept')
    } catch {
      setState('')
    }
  }
  return (
    <div className="ac-answer" data-testid="draft">
      <div className="ac-card">
        <p className="ac-strong" dir="auto">{draft.words}</p>
        <ul className="ac-assumptions">{draft.facts.map((fact, at) => <li key={at} dir="auto">{fact}</li>)}</ul>
      </div>
      <p className="ac-quiet">{draft.head}{draft.sent.length ? ':' : '.'}</p>
      {draft.sent.map((one, at) => (
        <div className="ac-note" key={at} data-testid="draft-message">
          <p className="ac-strong" dir="auto">{one.title}</p>
          <p dir="auto">{one.text}</p>
          {one.table ? <pre className="ac-pre" tabIndex={0}>{one.table}</pre> : null}
        </div>
      ))}
      {state === 'kept' ? <p className="ac-quiet" role="status" data-testid="draft-state">Kept.</p> : null}
      {state === 'not' ? <p className="ac-quiet" role="status" data-testid="draft-state">Not kept.</p> : null}
      {state === '' || state === 'busy' ? (
        <div className="ac-row" role="group" aria-label="Keep this alert?">
          <Button size="sm" disabled={state === 'busy'} onClick={keep} data-testid="draft-keep">Keep it</Button>
          <Button size="sm" variant="outline" disabled={state === 'busy'} onClick={() => setState('not')} data-testid="draft-not">Not now</Button>
        </div>
      ) : null}
    </div>
  )
}
