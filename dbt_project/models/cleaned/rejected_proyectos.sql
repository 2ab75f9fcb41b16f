{{ rejected('proyectos') }}
