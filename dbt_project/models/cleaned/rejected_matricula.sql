{{ rejected('matricula') }}
