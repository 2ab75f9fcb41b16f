{{ cleaned('matricula') }}
