// Buttons that ask: options of a clarification, or questions that would be answered.
import { Button } from '@/components/ui/button'

export default function Choices() {
  return (
    <div className="ac-answer" data-testid="choices">
      {props.title ? <p className="ac-quiet">{props.title}</p> : null}
      <div className="ac-row" role="group" aria-label={props.title || 'Choose one'}>
        {props.options.map((option, at) => (
          <Button key={at} size="sm" variant="outline" data-testid="choice" className="ac-choice"
            onClick={() => sendUserMessage(option.text)}><span dir="auto">{option.label}</span></Button>
        ))}
      </div>
    </div>
  )
}
