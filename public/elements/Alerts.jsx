// The reader's own alerts: mute, unmute, remove. Fetched, so that it shows what is kept now.
import { useEffect, useState } from 'react'
import { Button } from '@/components/ui/button'

const DAY = 86400000
const day = (n) => new Date(Date.now() + n * DAY).toISOString().slice(0, 10)

export default function Alerts() {
  const [alerts, setAlerts] = useState(null)
  const [busy, setBusy] = useState(false)
  const [asked, setAsked] = useState('')
  const load = () => fetch('/alerts').then(async (reply) => setAlerts(reply.ok ? await reply.json() : [])).catch(() => setAlerts([]))
  useEffect(() => { load() }, [])
  if (!alerts) return <p className="ac-quiet" role="status">Fetching your alerts…</p>
  if (!alerts.length) return <p className="ac-quiet" role="status">You have no alerts.</p>
  const decide = async (id, what, until) => {
    setBusy(true)
    try {
      await callAction({ name: 'decide_alert', payload: { id, what, until } })
      await load()
      setAsked('')
    } finally {
      setBusy(false)
    }
  }
  const until = props.until || day(7)
  return (
    <div className="ac-answer" data-testid="alerts"><ul className="ac-lines" aria-label="Your alerts">
      {alerts.map((one) => (
        <li key={one.id} className="ac-item" data-testid="alert">
          <div className="ac-item-said">
            <span className="ac-strong" dir="auto">{one.words}</span>
            <span className="ac-quiet" dir="auto">{one.facts}</span>
            {one.muted ? <span className="ac-state ac-state-snoozed" data-testid="alert-muted">{`quiet ${one.muted}`}</span> : null}
          </div>
          <div className="ac-row" role="group" aria-label={one.words}>
            {one.muted ? (
              <Button size="sm" variant="outline" disabled={busy} onClick={() => decide(one.id, 'unmute')} data-testid="alert-unmute">Unmute</Button>
            ) : (
              <>
                <Button size="sm" variant="outline" disabled={busy} onClick={() => decide(one.id, 'mute', until)} data-testid="alert-mute-until">
                  {props.until ? `Mute until ${props.until}` : 'Mute for a week'}
                </Button>
                <Button size="sm" variant="outline" disabled={busy} onClick={() => decide(one.id, 'mute')} data-testid="alert-mute">Mute</Button>
              </>
            )}
            {asked === one.id ? (
              <>
                <Button size="sm" variant="destructive" disabled={busy} onClick={() => decide(one.id, 'remove')} data-testid="alert-remove-sure">Yes, remove it</Button>
                <Button size="sm" variant="ghost" disabled={busy} onClick={() => setAsked('')}>No</Button>
              </>
            ) : (
              <Button size="sm" variant="ghost" disabled={busy} onClick={() => setAsked(one.id)} data-testid="alert-remove">Remove</Button>
            )}
          </div>
        </li>
      ))}
    </ul></div>
  )
}
