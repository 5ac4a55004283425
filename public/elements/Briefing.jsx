// The first message: what is worth knowing, each line a question; then questions to start from.
import { Button } from '@/components/ui/button'
import { ChevronRight } from 'lucide-react'

export default function Briefing() {
  return (
    <div className="ac-answer" data-testid="briefing">
      <ul className="ac-lines">
        {props.lines.map((line, at) => (
          <li key={at}>
            <button type="button" className="ac-line" title={line.question} data-testid="briefing-line"
              onClick={() => sendUserMessage(line.question)}>
              <span className="ac-title">{line.title}</span>
              <span className="ac-said" dir="auto">{line.text}</span>
              <ChevronRight size={16} aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
      {props.questions && props.questions.length ? (
        <div className="ac-row" role="group" aria-label="Questions to start from">
          {props.questions.map((question, at) => (
            <Button key={at} size="sm" variant="outline" className="ac-choice" data-testid="starter"
              onClick={() => sendUserMessage(question)}>{question}</Button>
          ))}
        </div>
      ) : null}
    </div>
  )
}
