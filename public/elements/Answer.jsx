// The panel under an answer: chips, table, assumptions, SQL, downloads. All texts come ready; nothing is HTML.
import { useEffect, useState } from 'react'
import { Button } from '@/components/ui/button'
import { DropdownMenu, DropdownMenuContent, DropdownMenuItem, DropdownMenuTrigger } from '@/components/ui/dropdown-menu'
import { ChevronDown, Download } from 'lucide-react'

const PAGE = 12
const kept = (window.askcostKept ??= new Map())

// A state that outlives its element: the page draws every panel of a conversation anew at each question, and what
// somebody opened or wrote must stand.
function useKept(key, first) {
  const [value, setValue] = useState(kept.has(key) ? kept.get(key) : first)
  return [value, (next) => { kept.set(key, next); setValue(next) }]
}

function number(text) {
  const value = parseFloat(String(text).replace(/[^\d.eE-]/g, ''))
  return Number.isNaN(value) ? -Infinity : value
}

// Saves a file of the answer; what went wrong, in words, or nothing.
async function download(answer_id, ending) {
  try {
    const reply = await fetch(`/answers/${answer_id}/${ending}`)
    if (!reply.ok) return (await reply.json()).detail
    const link = document.createElement('a')
    link.href = URL.createObjectURL(await reply.blob())
    link.download = `askcost-${answer_id}.${ending}`
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60000)
    return ''
  } catch {
    return 'The file can’t be fetched just now; try again in a moment.'
  }
}

function Table({ panel, single }) {
  const [sort, setSort] = useState(null)
  const [shown, setShown] = useState(PAGE)
  const [problem, setProblem] = useState('')
  let rows = panel.rows
  if (sort) {
    const numeric = panel.columns[sort.at].number
    rows = [...rows].sort((a, b) => {
      const order = numeric ? number(a[sort.at]) - number(b[sort.at]) : a[sort.at].localeCompare(b[sort.at])
      return sort.down ? -order : order
    })
  }
  const turn = (at) => setSort((old) => ({ at, down: old && old.at === at ? !old.down : panel.columns[at].number }))
  const order = (at) => (sort && sort.at === at ? (sort.down ? 'descending' : 'ascending') : 'none')
  return (
    <div>
      {single ? null : <div className="ac-scroll" tabIndex={0} role="region" aria-label="Result table">
        <table className="ac-table" data-testid="answer-table">
          <thead>
            <tr>
              {panel.columns.map((column, at) => (
                <th key={at} scope="col" aria-sort={order(at)} className={column.number ? 'ac-number' : ''}>
                  <button type="button" onClick={() => turn(at)}>
                    {column.label}
                    {column.unit ? ` (${column.unit})` : ''}
                    <span aria-hidden="true">{order(at) === 'none' ? '' : sort.down ? ' ↓' : ' ↑'}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map((row, line) => (
              <tr key={line}>
                {row.map((cell, at) => (
                  <td key={at} dir={panel.columns[at].number ? 'ltr' : 'auto'} title={cell.length > 48 ? cell : undefined}
                    className={panel.columns[at].number ? 'ac-number' : 'ac-name'}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>}
      <div className="ac-row">
        {shown < rows.length ? (
          <Button variant="ghost" size="sm" onClick={() => setShown(rows.length > shown + 100 ? shown + 100 : rows.length)}>
            {`Show more of ${panel.row_count.toLocaleString('en-US')} rows`}
          </Button>
        ) : null}
        {['csv', 'xlsx'].map((ending) => (
          <a key={ending} className="ac-link" data-testid={`download-${ending}`} download
            href={`/answers/${panel.answer_id}/${ending}`} onClick={(e) => { e.preventDefault(); download(panel.answer_id, ending).then(setProblem) }}>
            <Download size={14} aria-hidden="true" /> {ending === 'csv' ? 'CSV' : 'Excel'}
          </a>
        ))}
        {problem ? <span className="ac-quiet" role="status">{problem}</span> : null}
        {panel.truncated ? <span className="ac-quiet">There were more rows; these are the first.</span> : null}
        {panel.rows.length < panel.row_count ? <span className="ac-quiet">The files have all rows.</span> : null}
      </div>
    </div>
  )
}

// What can be said of each incident of an answer about anomalies.
function Incidents({ panel, onDecided }) {
  const [busy, setBusy] = useState(false)
  const [snoozing, setSnoozing] = useState('')
  const decide = async (id, what, until) => {
    setBusy(true)
    try {
      await callAction({ name: 'decide_incident', payload: { id, what, until } })
      setSnoozing('')
      await onDecided()
    } finally {
      setBusy(false)
    }
  }
  return (
    <ul className="ac-lines" aria-label="Incidents" data-testid="incidents">
      {panel.incidents.map((one) => (
        <li key={one.id} className="ac-item" data-testid={`incident-${one.id}`}>
          <div className="ac-item-said">
            <span dir="auto">{one.about}</span>
            <span className={`ac-state ac-state-${one.status}`} data-testid="incident-state">{one.said}</span>
          </div>
          <div className="ac-row" role="group" aria-label={`Decide: ${one.about}`}>
            {one.status === 'open' ? (
              <>
                <Button size="sm" variant="outline" disabled={busy} onClick={() => decide(one.id, 'expected')}
                  title="Planned: the same is not told again, up to that amount and a tenth more" data-testid="expect">Expected</Button>
                <Button size="sm" variant="outline" disabled={busy} onClick={() => decide(one.id, 'closed')} data-testid="close">Close</Button>
                {snoozing === one.id ? (
                  <label className="ac-until">Snooze until
                    <input type="date" min={panel.today} autoFocus data-testid="snooze-day" disabled={busy}
                      onChange={(e) => (e.target.value > panel.today ? decide(one.id, 'snoozed', e.target.value) : null)} />
                  </label>
                ) : (
                  <Button size="sm" variant="outline" disabled={busy} onClick={() => setSnoozing(one.id)} data-testid="snooze">Snooze until…</Button>
                )}
              </>
            ) : (
              <Button size="sm" variant="outline" disabled={busy} onClick={() => decide(one.id, 'open')} data-testid="reopen">Reopen</Button>
            )}
          </div>
        </li>
      ))}
    </ul>
  )
}

function Chips({ panel, onChange, busy }) {
  return (
    <div className="ac-row" role="group" aria-label="Understood as; each part can be changed">
      {panel.chips.map((chip, at) => (
        <DropdownMenu key={at}>
          <DropdownMenuTrigger asChild>
            <button type="button" className="ac-chip" dir="auto" disabled={busy} data-testid={`chip-${chip.part}`}
              title="Change this and ask again">
              {chip.label} <ChevronDown size={12} aria-hidden="true" />
            </button>
          </DropdownMenuTrigger>
          <DropdownMenuContent align="start" className="ac-menu">
            {chip.changes.map((change) => (
              <DropdownMenuItem key={change.key} data-testid={`change-${change.key}`} onSelect={() => onChange(change.key)}>
                <span dir="auto">{change.label}</span>
              </DropdownMenuItem>
            ))}
          </DropdownMenuContent>
        </DropdownMenu>
      ))}
    </div>
  )
}

function Sql({ panel, original }) {
  const [text, setText] = useKept(`${panel.answer_id} sql`, panel.sql)
  const [shown, setShown] = useKept(`${panel.answer_id} sql shown`, false)
  const [lineage, setLineage] = useState(null)
  const [busy, setBusy] = useState(false)
  const run = async () => {
    setBusy(true)
    try {
      await callAction({ name: 'run_sql', payload: { sql: text, answer_id: panel.answer_id } })
    } finally {
      setBusy(false)
    }
  }
  const save = (name) => callAction({ name, payload: { sql: text, answer_id: original || panel.answer_id } })
  const explain = async () => {
    const reply = await fetch(`/answers/${panel.answer_id}/lineage`)
    setLineage(reply.ok ? await reply.json() : [])
  }
  return (
    <details className="ac-sql" data-testid="sql" open={shown} onToggle={(e) => {
      setShown(e.currentTarget.open)
      if (e.currentTarget.open && lineage === null) explain()
    }}>
      <summary>SQL{panel.sql_by ? ` (${panel.sql_by})` : ''}</summary>
      <textarea aria-label="SQL, can be edited" spellCheck={false} value={text} data-testid="sql-text"
        rows={Math.min(24, text.split('\n').length + 1)} onChange={(e) => setText(e.target.value)} />
      <div className="ac-row">
        <Button size="sm" disabled={busy || !text.trim()} onClick={run} data-testid="sql-run">{busy ? 'Running…' : 'Run'}</Button>
        <Button size="sm" variant="ghost" disabled={text === panel.sql} onClick={() => setText(panel.sql)}>Reset</Button>
        {panel.may_save && (original || panel.sql_by !== 'your own SQL') ? (
          <Button size="sm" variant="outline" disabled={!text.trim()} onClick={() => save('save_verified')} data-testid="sql-save"
            title="From now on the same question gets this SQL, for everyone">Save as verified</Button>
        ) : null}
        {panel.sql_by === 'verified' && panel.may_save ? (
          <Button size="sm" variant="ghost" onClick={() => save('withdraw_verified')} data-testid="sql-withdraw">Withdraw</Button>
        ) : null}
        <span className="ac-quiet">
          DuckDB, read-only. Checked before it runs.{panel.policy ? ` Row policy: ${panel.policy}` : ''}
        </span>
      </div>
      {lineage && lineage.length ? (
        <table className="ac-table ac-lineage">
          <thead><tr><th scope="col">Column</th><th scope="col">How it is made</th><th scope="col">From</th></tr></thead>
          <tbody>
            {lineage.map((one, at) => (
              <tr key={at}><td>{one.column}</td><td><code>{one.definition}</code></td><td>{one.sources.join(', ')}</td></tr>
            ))}
          </tbody>
        </table>
      ) : null}
    </details>
  )
}

function Receipt({ answer_id }) {
  const [lines, setLines] = useState([])
  const [shown, setShown] = useKept(`${answer_id} receipt shown`, false)
  const [again, setAgain] = useState(null)
  const [busy, setBusy] = useState(false)
  const open = async () => {
    const reply = await fetch(`/answers/${answer_id}/audit`)
    setLines(reply.ok ? await reply.json() : [])
  }
  const replay = async () => {
    setBusy(true)
    try {
      const reply = await fetch(`/answers/${answer_id}/replay`)
      const body = await reply.json()
      setAgain(reply.ok ? body : { sentences: [body.detail], columns: [], rows: [], notes: [] })
    } finally {
      setBusy(false)
    }
  }
  return (
    <details className="ac-sql" data-testid="audit" open={shown} onToggle={(e) => {
      setShown(e.currentTarget.open)
      if (e.currentTarget.open) open()  // each time: a judgement may have come since
    }}>
      <summary>Receipt</summary>
      <dl className="ac-record">
        {lines.map(([name, value], at) => <div key={at}><dt>{name}</dt><dd dir="auto">{value}</dd></div>)}
      </dl>
      <div className="ac-row">
        <Button size="sm" variant="outline" disabled={busy} onClick={replay} data-testid="replay"
          title="Runs it on the data loaded now and says what changed">{busy ? 'Running…' : 'Run it again'}</Button>
      </div>
      {again ? (
        <div data-testid="replayed" role="status">
          {again.sentences.map((said, at) => <p key={at} dir="auto">{said}</p>)}
          {again.rows.length ? (
            <div className="ac-scroll" tabIndex={0} role="region" aria-label="Rows that changed">
              <table className="ac-table">
                <thead><tr>{again.columns.map((column, at) => <th key={at} scope="col">{column.label}</th>)}</tr></thead>
                <tbody>
                  {again.rows.slice(0, 100).map((row, line) => (
                    <tr key={line}>{row.map((cell, at) => <td key={at} dir="auto"
                      className={again.columns[at].number ? 'ac-number' : 'ac-name'}>{cell}</td>)}</tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : null}
          <ul className="ac-assumptions">{again.notes.map((note, at) => <li key={at} dir="auto">{note}</li>)}</ul>
        </div>
      ) : null}
    </details>
  )
}

export default function Answer() {
  const [panel, setPanel] = useState(null)
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const again = () => fetch(`/answers/${encodeURIComponent(props.answer_id)}`).then(async (reply) => (reply.ok ? setPanel(await reply.json()) : null))
  useEffect(() => {
    let gone = false
    fetch(`/answers/${encodeURIComponent(props.answer_id)}`)
      .then(async (reply) => {
        const body = await reply.json()
        if (gone) return
        if (reply.ok) setPanel(body)
        else setProblem(typeof body.detail === 'string' ? body.detail : 'The table can’t be shown just now.')
      })
      .catch(() => gone || setProblem('The server can’t be reached; reload the page in a moment.'))
    return () => { gone = true }
  }, [props.answer_id])
  // What grows below its question must not push the question out of sight.
  useEffect(() => {
    const last = [...document.querySelectorAll('[data-testid=answer]')].pop()
    if (!panel || !last || last.dataset.answer !== panel.answer_id) return
    const asked = document.querySelectorAll('[data-step-type=user_message]')
    if (asked.length) asked[asked.length - 1].scrollIntoView({ block: 'start' })
  }, [panel])
  if (problem) return <p className="ac-quiet" role="status">{problem}</p>
  if (!panel) return <p className="ac-quiet" role="status">Fetching the table…</p>
  const change = async (key) => {
    setBusy(true)
    try {
      await callAction({ name: 'change', payload: { answer_id: panel.answer_id, key } })
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className="ac-answer" data-testid="answer" data-answer={panel.answer_id}>
      {props.difference ? <p className="ac-note">{props.difference}</p> : null}
      {panel.renewed ? <p className="ac-note">Data was loaded since this was asked; chart and table show what it says now.</p> : null}
      {panel.chips.length ? <Chips panel={panel} onChange={change} busy={busy} /> : null}
      {panel.incidents && panel.incidents.length ? <Incidents panel={panel} onDecided={again} /> : null}
      {panel.rows.length ? <Table panel={panel} single={panel.rows.length === 1 && panel.columns.length === 1} /> : null}
      {panel.assumptions.length ? (
        <ul className="ac-assumptions" aria-label="Assumptions">
          {panel.assumptions.map((line, at) => <li key={at} dir="auto">{line}</li>)}
        </ul>
      ) : null}
      {panel.follow_ups.length ? (
        <div className="ac-row" role="group" aria-label="Ask next">
          {panel.follow_ups.map((one) => (
            <Button key={one.key} size="sm" variant="outline" disabled={busy} data-testid={`next-${one.key}`}
              onClick={() => change(one.key)}>{one.label}</Button>
          ))}
        </div>
      ) : null}
      {panel.sql ? <Sql panel={panel} original={props.original} /> : null}
      <Receipt answer_id={panel.answer_id} />
      <p className="ac-quiet" data-testid="quiet">{panel.quiet}</p>
    </div>
  )
}
